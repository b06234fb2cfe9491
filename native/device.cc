#include "device.h"

#include <unistd.h>

#include <cerrno>

namespace b2bmount {
namespace {

constexpr int kMaxParts = 4;

ssize_t WriteParts(int fd, const iovec* parts, int count) {
  ssize_t written;
  do {
    written = count == 1 ? write(fd, parts->iov_base, parts->iov_len) : writev(fd, parts, count);
  } while (written < 0 && errno == EINTR);
  return written < 0 ? -errno : written;
}

size_t TotalLength(const iovec* parts, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  return total;
}

bool RequesterGone(ssize_t error) {
  return error == -ENOENT || error == -ENODEV || error == -ENOTCONN || error == -ECONNABORTED;
}

iovec Part(const void* base, size_t length) { return {const_cast<void*>(base), length}; }

}  // namespace

ssize_t Device::Read(void* buffer, size_t capacity) const {
  const ssize_t length = read(fd_.get(), buffer, capacity);
  return length < 0 ? -errno : length;
}

bool Device::ReplyError(uint64_t unique, int error) const {
  const fuse::OutHeader header{sizeof header, -error, unique};
  const iovec part = Part(&header, sizeof header);
  return WriteParts(fd_.get(), &part, 1) >= 0;
}

bool Device::Reply(uint64_t unique, const void* payload, size_t size) const {
  const fuse::OutHeader header{static_cast<uint32_t>(sizeof header + size), 0, unique};
  const iovec parts[] = {Part(&header, sizeof header), Part(payload, size)};
  return WriteReply(unique, parts, size > 0 ? 2 : 1);
}

bool Device::ReplyInPlace(uint64_t unique, uint8_t* payload, size_t size) const {
  auto* header = reinterpret_cast<fuse::OutHeader*>(payload) - 1;
  *header = {static_cast<uint32_t>(sizeof *header + size), 0, unique};
  const iovec part = Part(header, header->length);
  return WriteReply(unique, &part, 1);
}

bool Device::WriteReply(uint64_t unique, const iovec* parts, int count) const {
  const ssize_t written = WriteParts(fd_.get(), parts, count);
  if (written >= 0) return true;
  // The kernel did not like the answer (no memory, a page of ours that cannot be read): the request is still open.
  if (!RequesterGone(written)) ReplyError(unique, EIO);
  return false;
}

int Device::Notify(fuse::NotifyCode code, const iovec* parts, int count) const {
  iovec all[kMaxParts];
  const fuse::OutHeader header{static_cast<uint32_t>(sizeof header + TotalLength(parts, count)), code, 0};
  all[0] = Part(&header, sizeof header);
  for (int i = 0; i < count; i++) all[i + 1] = parts[i];
  const ssize_t written = WriteParts(fd_.get(), all, count + 1);
  return written < 0 ? static_cast<int>(written) : 0;
}

int Device::InvalidateInode(uint64_t node, int64_t offset, int64_t length) const {
  const fuse::NotifyInvalidateInode body{node, offset, length};
  const iovec part = Part(&body, sizeof body);
  return Notify(fuse::kNotifyInvalidateInode, &part, 1);
}

int Device::InvalidateEntry(uint64_t parent, std::string_view name, uint32_t flags) const {
  const fuse::NotifyInvalidateEntry body{parent, static_cast<uint32_t>(name.size()), flags};
  const iovec parts[] = {Part(&body, sizeof body), Part(name.data(), name.size()), Part("", 1)};
  return Notify(fuse::kNotifyInvalidateEntry, parts, 3);
}

int Device::IncrementEpoch() const { return Notify(fuse::kNotifyIncrementEpoch, nullptr, 0); }

int Device::OpenBacking(int fd) const {
  fuse::BackingMap map{};
  map.fd = fd;
  const int id = ioctl(fd_.get(), fuse::kIoctlBackingOpen, &map);
  return id < 0 ? -errno : id;
}

void Device::CloseBacking(int backing_id) const {
  auto id = static_cast<uint32_t>(backing_id);
  ioctl(fd_.get(), fuse::kIoctlBackingClose, &id);
}

}  // namespace b2bmount
