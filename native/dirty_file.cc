#include "dirty_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "clock.h"
#include "full_io.h"

namespace b2bmount {
namespace {

// Of the log: see index.d.ts.
constexpr uint64_t kWritten = 1;
constexpr uint64_t kCut = 2;

constexpr size_t kZeros = 256 * 1024;
// Smaller files are often gone again before the kernel would write them.
constexpr uint64_t kMuchForDisk = 64 * 1024 * 1024;

bool OutOfSpace(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

// @returns 0 or an errno
int Resize(int fd, uint64_t size) {
  int result;
  do {
    result = ftruncate(fd, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

// @returns 0 or an errno
int Fallocate(int fd, int mode, ByteRange range) {
  int result;
  do {
    result = fallocate(fd, mode, static_cast<off_t>(range.start), static_cast<off_t>(range.end - range.start));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

// Whether the disk has too little room for the blocks of `range` that the file has not yet, however these lie. Trying would take
// all that there is, if only for a moment: everybody else on this disk would meet that it is full.
bool CannotHold(int fd, ByteRange range) {
  constexpr uint64_t kBlock = 512;  // stat(2)
  struct stat file{};
  struct statvfs disk{};
  if (fstat(fd, &file) != 0 || fstatvfs(fd, &disk) != 0) return false;
  const uint64_t has = static_cast<uint64_t>(file.st_blocks) * kBlock;
  const uint64_t wants = range.end - range.start;
  return wants > has && wants - has > disk.f_bavail * disk.f_frsize;
}

}  // namespace

DirtyFile::DirtyFile(UniqueFd fd, UniqueFd log, uint64_t size, uint64_t base_end, ByteRanges written, int64_t modified)
    : fd_(std::move(fd)),
      log_(std::move(log)),
      size_(size),
      base_end_(base_end),
      modified_(modified),
      written_at_(WallMilliseconds()),
      written_(std::move(written)) {}

int DirtyFile::Apply(const Change& change) {
  const auto& [what, range, bytes, grows] = change;
  switch (what) {
    case Change::What::kWrite:
      return Write(range.start, bytes, range.end - range.start);
    case Change::What::kAllocate:
      return Allocate(range, grows);
    case Change::What::kZero:
      // First what can fail for want of room.
      if (grows) {
        if (const int error = Allocate(range, true)) return error;
      }
      return Zero(range);
  }
  return EIO;
}

int DirtyFile::Write(uint64_t offset, const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::unique_lock lock(mutex_);
  const uint64_t old_size = size_;
  if (offset < old_size) {
    // So that a full disk is met before the first byte of what is there has been changed.
    const int error = Fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, {offset, offset + size});
    if (OutOfSpace(error)) {
      Resize(fd_.get(), old_size);  // gives back what was had beyond the end
      return error;
    }
  }
  if (const int error = Put(offset, bytes, size)) {
    Resize(fd_.get(), old_size);  // a part of it may have made the file longer
    return error;
  }
  size_ = std::max(old_size, offset + size);
  for_disk_ = bytes_for_disk_ == 0 ? ByteRange{offset, offset + size}
                                   : ByteRange{std::min(for_disk_.start, offset), std::max(for_disk_.end, offset + size)};
  bytes_for_disk_ += size;
  Changed();
  return 0;
}

std::optional<ByteRange> DirtyFile::TakeForDisk() {
  const std::unique_lock lock(mutex_);
  if (bytes_for_disk_ < kMuchForDisk) return std::nullopt;
  bytes_for_disk_ = 0;
  return for_disk_;
}

void DirtyFile::StartWriting(ByteRange range) const {
  sync_file_range(fd_.get(), static_cast<off_t>(range.start), static_cast<off_t>(range.end - range.start),
                  SYNC_FILE_RANGE_WRITE);
}

int DirtyFile::Truncate(uint64_t size) {
  const std::unique_lock lock(mutex_);
  if (log_.valid() && size < base_end_) {
    if (const int error = Append(kCut, size, 0)) return error;
  }
  if (const int error = Resize(fd_.get(), size)) return error;
  base_end_ = std::min<uint64_t>(base_end_, size);
  size_ = size;
  Changed();
  return 0;
}

int DirtyFile::Zero(ByteRange range) {
  const std::unique_lock lock(mutex_);
  range.end = std::min<uint64_t>(range.end, size_);
  if (range.start >= range.end) return 0;
  int error = Fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range);
  if (error == 0) {
    error = NoteWritten(range);
  } else if (error == EOPNOTSUPP || error == ENOSYS) {
    error = 0;
    const std::vector<uint8_t> zeros(std::min<uint64_t>(kZeros, range.end - range.start));
    for (uint64_t at = range.start; error == 0 && at < range.end; at += zeros.size()) {
      error = Put(at, zeros.data(), std::min<uint64_t>(zeros.size(), range.end - at));
    }
  }
  if (error == 0) Changed();
  return error;
}

int DirtyFile::Allocate(ByteRange range, bool grow) {
  const std::unique_lock lock(mutex_);
  if (CannotHold(fd_.get(), range)) return ENOSPC;
  const int error = Fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, range);
  if (OutOfSpace(error)) Resize(fd_.get(), size_);  // gives back what was had beyond the end
  // Where the disk cannot promise room, it is found out when it is needed.
  if (error != 0 && error != EOPNOTSUPP && error != ENOSYS) return error;
  if (!grow || range.end <= size_) return 0;
  if (const int failed = Resize(fd_.get(), range.end)) return failed;
  size_ = range.end;
  Changed();
  return 0;
}

int DirtyFile::Fill(uint64_t offset, const uint8_t* bytes, size_t size) {
  const std::unique_lock lock(mutex_);
  for (const ByteRange gap : FromBaseLocked({offset, offset + size})) {
    if (const int error = Put(gap.start, bytes + (gap.start - offset), gap.end - gap.start)) return error;
  }
  return 0;
}

int DirtyFile::ChangeAttributes(std::optional<int64_t> modified, std::optional<uint32_t> permissions) {
  const std::unique_lock lock(mutex_);
  if (modified) {
    int64_t seconds = *modified / 1000;
    int64_t milliseconds = *modified % 1000;
    if (milliseconds < 0) {  // before 1970
      seconds--;
      milliseconds += 1000;
    }
    const timespec times[] = {{0, UTIME_OMIT}, {static_cast<time_t>(seconds), static_cast<long>(milliseconds * 1'000'000)}};
    if (futimens(fd_.get(), times) != 0) return errno;
  }
  revision_.fetch_add(1, std::memory_order_acq_rel);
  changed_ = WallMilliseconds();
  if (modified) modified_ = *modified;
  if (permissions) permissions_ = static_cast<int32_t>(*permissions);
  return 0;
}

std::vector<ByteRange> DirtyFile::FromBase(ByteRange range) const {
  const std::shared_lock lock(mutex_);
  return FromBaseLocked(range);
}

std::vector<ByteRange> DirtyFile::Written() const {
  const std::shared_lock lock(mutex_);
  return written_.All();
}

int DirtyFile::Read(ByteRange range, int base, uint8_t* bytes, size_t* got) const {
  const std::shared_lock lock(mutex_);
  range.end = std::min<uint64_t>(range.end, size_);
  *got = range.start < range.end ? range.end - range.start : 0;
  // One part after the other, those of the base and those in between, so that no byte is read for nothing.
  uint64_t at = range.start;
  const auto read_own = [&](uint64_t end) { return ReadFully(fd_.get(), bytes + (at - range.start), end - at, at); };
  for (const ByteRange gap : FromBaseLocked(range)) {
    if (const int error = read_own(gap.start)) return error;
    uint8_t* place = bytes + (gap.start - range.start);
    const size_t size = gap.end - gap.start;
    if (base < 0) {
      std::memset(place, 0, size);
    } else if (const int error = ReadFully(base, place, size, gap.start)) {
      return error;
    }
    at = gap.end;
  }
  return at < range.end ? read_own(range.end) : 0;
}

std::vector<ByteRange> DirtyFile::FromBaseLocked(ByteRange range) const {
  return written_.Missing({range.start, std::min<uint64_t>(range.end, base_end_)});
}

int DirtyFile::Put(uint64_t offset, const uint8_t* bytes, size_t size) {
  if (const int error = WriteFully(fd_.get(), bytes, size, offset)) return error;
  return NoteWritten({offset, offset + size});
}

int DirtyFile::NoteWritten(ByteRange range) {
  if (!log_.valid() || range.start >= base_end_ || written_.Covers(range)) return 0;
  if (const int error = Append(kWritten, range.start, range.end)) return error;
  written_.Add(range);
  return 0;
}

int DirtyFile::Append(uint64_t kind, uint64_t first, uint64_t second) {
  const uint64_t record[] = {kind, first, second};
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the log is little-endian");
  ssize_t put;
  do {
    put = write(log_.get(), record, sizeof record);  // O_APPEND
  } while (put < 0 && errno == EINTR);
  if (put == sizeof record) return 0;
  const int error = put < 0 ? errno : ENOSPC;
  struct stat log{};
  // What comes after a part of a record would be read wrongly.
  if (put > 0 && fstat(log_.get(), &log) == 0) Resize(log_.get(), static_cast<uint64_t>(log.st_size - put));
  return error;
}

uint64_t DirtyFile::Writes() const {
  const std::shared_lock lock(mutex_);
  return writes_;
}

void DirtyFile::WrittenOutside(int64_t modified) {
  const std::unique_lock lock(mutex_);
  modified_ = modified;
  changed_ = modified;
  written_at_ = modified;
  writes_++;
  revision_.fetch_add(1, std::memory_order_acq_rel);
}

void DirtyFile::Changed() {
  const int64_t now = WallMilliseconds();
  modified_ = changed_ = now;
  written_at_ = now;
  writes_++;
  revision_.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace b2bmount
