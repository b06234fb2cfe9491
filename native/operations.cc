// Server, by the reader threads: what each request of the kernel means.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

#include "clock.h"
#include "server.h"

namespace b2bmount {
namespace {

using Kind = RequestQueue::Kind;

// The attributes that we have; JavaScript knows their values.
constexpr std::string_view kOurAttributes = "user.b2bmount.";
// Where a file is from.
constexpr std::string_view kOriginAttribute = "user.xdg.origin.url";
constexpr std::string_view kUserAttributes = "user.";
// What a Mac asks for. There is none on Linux, unless somebody wants to see what a Mac would.
constexpr std::string_view kMacAttributes = "com.apple.";
constexpr size_t kLongestValue = 255;
// JavaScript's numbers do not reach so far.
constexpr uint64_t kDummyNodes = 1ull << 62;

bool StartsWith(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

// Whether a thread will go on; 0 is one of another pid namespace, of which we know nothing.
bool TaskRuns(uint32_t pid) {
  if (pid == 0) return true;
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("State:", 0) == 0)
      return line.find("\tZ") == std::string::npos && line.find("\tX") == std::string::npos;
  }
  return false;
}

bool IsChange(uint32_t opcode) {
  switch (opcode) {
    case fuse::kSetattr:
    case fuse::kSymlink:
    case fuse::kMknod:
    case fuse::kMkdir:
    case fuse::kUnlink:
    case fuse::kRmdir:
    case fuse::kRename:
    case fuse::kRename2:
    case fuse::kLink:
    case fuse::kWrite:
    case fuse::kCreate:
    case fuse::kTmpfile:
    case fuse::kFallocate:
      return true;
    default:
      return false;
  }
}

constexpr const char* kOpcodeNames[fuse::kOpcodes] = {
    nullptr,        "LOOKUP",        "FORGET",      "GETATTR",  "SETATTR",  "READLINK",
    "SYMLINK",      nullptr,         "MKNOD",       "MKDIR",    "UNLINK",   "RMDIR",
    "RENAME",       "LINK",          "OPEN",        "READ",     "WRITE",    "STATFS",
    "RELEASE",      nullptr,         "FSYNC",       "SETXATTR", "GETXATTR", "LISTXATTR",
    "REMOVEXATTR",  "FLUSH",         "INIT",        "OPENDIR",  "READDIR",  "RELEASEDIR",
    "FSYNCDIR",     "GETLK",         "SETLK",       "SETLKW",   "ACCESS",   "CREATE",
    "INTERRUPT",    "BMAP",          "DESTROY",     "IOCTL",    "POLL",     "NOTIFY_REPLY",
    "BATCH_FORGET", "FALLOCATE",     "READDIRPLUS", "RENAME2",  "LSEEK",    "COPY_FILE_RANGE",
    "SETUPMAPPING", "REMOVEMAPPING", "SYNCFS",      "TMPFILE",  "STATX",    "COPY_FILE_RANGE_64"};

}  // namespace

const char* OpcodeName(uint32_t opcode) { return opcode < fuse::kOpcodes ? kOpcodeNames[opcode] : nullptr; }

std::optional<std::string_view> Server::Incoming::Name(size_t offset) const {
  if (offset >= size) return std::nullopt;
  const std::string_view rest(reinterpret_cast<const char*>(body + offset), size - offset);
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

void Server::Dispatch(const Incoming& request) {
  const fuse::InHeader& header = request.header;
  if (header.opcode < fuse::kOpcodes) request_counts_[header.opcode].fetch_add(1, std::memory_order_relaxed);
  if (echo_->IsOurs(header.pid)) {
    if (AnswerEcho(request)) return;
    if (IsChange(header.opcode)) {
      // The path leads elsewhere meanwhile. What is there is not meant.
      device_.ReplyError(header.unique, EROFS);
      return;
    }
  }
  if (options_.read_only && IsChange(header.opcode)) {
    device_.ReplyError(header.unique, EROFS);
    return;
  }
  switch (header.opcode) {
    case fuse::kLookup:
      return Lookup(request);
    case fuse::kGetattr:
    case fuse::kStatx:
      return Getattr(request);
    case fuse::kReaddir:
      return Readdir(request, false);
    case fuse::kReaddirplus:
      return Readdir(request, true);
    case fuse::kOpen:
      return Open(request);
    case fuse::kRead:
      return Read(request);
    case fuse::kFlush:
      return Flush(request);
    case fuse::kRelease:
      return Release(request);
    case fuse::kGetxattr:
      return Getxattr(request);
    case fuse::kSetxattr:
      return Setxattr(request);
    case fuse::kRemovexattr:
      return Removexattr(request);
    case fuse::kListxattr:
      return Listxattr(request);
    case fuse::kLseek:
      return Lseek(request);
    case fuse::kStatfs:
      return Statfs(request);
    case fuse::kInterrupt:
      return Interrupt(request);

    // Not answered. Nothing to do either: nodeids are permanent, what we hold of them does not depend on the kernel.
    case fuse::kForget:
    case fuse::kBatchForget:
    case fuse::kNotifyReply:
      return;

    case fuse::kReleasedir:
    case fuse::kSyncfs:
    case fuse::kDestroy:
      device_.ReplyEmpty(header.unique);
      return;

    case fuse::kFsync:
    case fuse::kFsyncdir:
      return Fsync(request);
    case fuse::kWrite:
      return Write(request);
    case fuse::kFallocate:
      return Allocate(request);
    case fuse::kCreate:
      return Create(request);
    case fuse::kMknod:
      return Mknod(request);
    case fuse::kMkdir:
      return Mkdir(request);
    case fuse::kUnlink:
      return Unlink(request, Kind::kUnlink);
    case fuse::kRmdir:
      return Unlink(request, Kind::kRmdir);
    case fuse::kRename:
      return Rename(request, false);
    case fuse::kRename2:
      return Rename(request, true);
    case fuse::kSetattr:
      return Setattr(request);

    // SharePoint has neither.
    case fuse::kSymlink:
    case fuse::kLink:
      device_.ReplyError(header.unique, EPERM);
      return;

    // ENOSYS also tells the kernel not to ask again: OPENDIR (it keeps every listing until that is invalidated, and a
    // walk has a round trip less for each directory: a sixth of its time), ACCESS (with `default_permissions` the kernel compares modes itself), locks (kept locally), POLL, BMAP, IOCTL, COPY_FILE_RANGE (it copies itself), TMPFILE.
    default:
      device_.ReplyError(header.unique, ENOSYS);
  }
}

// It repeats what has happened: names look as before it, and what is done with them succeeds.
bool Server::AnswerEcho(const Incoming& request) {
  using What = Announcement::What;
  const auto current = echo_->Current();
  if (!current) return false;
  const fuse::InHeader& header = request.header;
  const auto is_about = [&](size_t offset, What what) {
    return current->what == what && header.node == current->directory && request.Name(offset) == current->name;
  };
  switch (header.opcode) {
    case fuse::kLookup:
      if (is_about(0, What::kAppeared)) {
        AnswerNoEntry(header.unique, Validity{});
        return true;
      }
      if (is_about(0, What::kVanished)) {
        // A node that nobody else has: removing it must not touch an item that is elsewhere now.
        const uint64_t node = kDummyNodes + dummy_nodes_++;
        AnswerEntry(header.unique, {node, node, 0, 0, 0, 0, 0, current->is_directory ? S_IFDIR | 0555u : S_IFREG | 0444u, 1},
                    Validity{});
        return true;
      }
      return false;
    case fuse::kMknod:
    case fuse::kMkdir: {
      const bool is_directory = header.opcode == fuse::kMkdir;
      const size_t offset = is_directory ? sizeof(fuse::MkdirIn) : sizeof(fuse::MknodIn);
      if (!is_about(offset, What::kAppeared) || current->is_directory != is_directory || !current->attributes) return false;
      AnswerEntry(header.unique, *current->attributes, Validity{});
      return true;
    }
    case fuse::kUnlink:
    case fuse::kRmdir:
      if (!is_about(0, What::kVanished) || current->is_directory != (header.opcode == fuse::kRmdir)) return false;
      device_.ReplyEmpty(header.unique);
      return true;
    case fuse::kGetattr: {
      // The kernel asks once more before it refuses. What is repeated has happened whatever may be done here.
      NodeAttributes attributes;
      if (header.node != current->directory || !nodes_.Get(header.node, &attributes)) return false;
      attributes.mode |= S_IWUSR;
      AnswerAttributes(header.unique, attributes, Validity{});
      return true;
    }
    case fuse::kSetattr:
      if (current->what != What::kChanged || !current->attributes || header.node != current->attributes->node) return false;
      AnswerAttributes(header.unique, *current->attributes, Validity{});
      return true;
    default:
      return false;
  }
}

void Server::Forward(const Incoming& request, RequestQueue::Request forwarded) {
  const uint64_t unique = request.header.unique;
  int refused = 0;
  Park(request, std::move(forwarded), &refused);
  if (refused != 0) device_.ReplyError(unique, refused);
}

uint64_t Server::Park(const Incoming& request, RequestQueue::Request forwarded, int* refused) {
  forwarded.unique = request.header.unique;
  forwarded.node = request.header.node;
  forwarded.pid = request.header.pid;
  forwarded.uid = request.header.uid;
  forwarded.since = MonotonicMilliseconds();
  uint64_t id = 0;
  switch (requests_.Add(std::move(forwarded), &id)) {
    case RequestQueue::Admission::kWaiting:
      forwarded_.fetch_add(1, std::memory_order_relaxed);
      return id;
    case RequestQueue::Admission::kInterrupted:
      *refused = EINTR;
      return 0;
    case RequestQueue::Admission::kClosed:
      *refused = EIO;
      return 0;
  }
  return 0;
}

void Server::AnswerEntry(uint64_t unique, const NodeAttributes& attributes, Validity validity) {
  device_.Reply(unique, EntryOf(attributes, validity));
}

fuse::EntryOut Server::EntryOf(NodeAttributes attributes, Validity validity) const {
  dirty_nodes_.Show(&attributes);
  return ToEntry(attributes, options_.owner, validity);
}

void Server::AnswerNoEntry(uint64_t unique, Validity validity) {
  fuse::EntryOut out{};  // node 0: an answer that may be kept, unlike ENOENT
  out.entry_valid = validity.seconds;
  out.entry_valid_nanoseconds = validity.nanoseconds;
  device_.Reply(unique, out);
}

void Server::AnswerAttributes(uint64_t unique, const NodeAttributes& attributes, Validity validity) {
  fuse::AttributesOut out{};
  out.valid = validity.seconds;
  out.valid_nanoseconds = validity.nanoseconds;
  NodeAttributes shown = attributes;
  dirty_nodes_.Show(&shown);
  out.attributes = ToKernel(shown, options_.owner);
  device_.Reply(unique, out);
}

void Server::AnswerStatx(uint64_t unique, NodeAttributes attributes, Validity validity) {
  fuse::StatxOut out{};
  out.valid = validity.seconds;
  out.valid_nanoseconds = validity.nanoseconds;
  dirty_nodes_.Show(&attributes);
  out.statx = ToStatx(attributes, options_.owner);
  device_.Reply(unique, out);
}

void Server::Lookup(const Incoming& request) {
  const uint64_t unique = request.header.unique;
  const auto name = request.Name(0);
  if (!name) {
    device_.ReplyError(unique, EIO);
    return;
  }
  if (name->size() > kMaxNameLength) {
    device_.ReplyError(unique, ENAMETOOLONG);
    return;
  }
  // All names that we show are UTF-8, and JavaScript's strings could not carry another.
  if (!IsUtf8(*name)) return AnswerNoEntry(unique, options_.validity);
  NodeAttributes attributes;
  switch (nodes_.Lookup(request.header.node, *name, &attributes)) {
    case NodeTable::Answer::kFound:
      return AnswerEntry(unique, attributes, options_.validity);
    case NodeTable::Answer::kAbsent:
      return AnswerNoEntry(unique, options_.validity);
    case NodeTable::Answer::kUnknown:
      break;
  }
  RequestQueue::Request forwarded{Kind::kLookup};
  forwarded.name = *name;
  Forward(request, std::move(forwarded));
}

void Server::Getattr(const Incoming& request) {
  NodeAttributes attributes;
  if (nodes_.Get(request.header.node, &attributes)) {
    if (request.header.opcode == fuse::kStatx) return AnswerStatx(request.header.unique, attributes, options_.validity);
    return AnswerAttributes(request.header.unique, attributes, options_.validity);
  }
  RequestQueue::Request forwarded{Kind::kGetattr};
  forwarded.statx = request.header.opcode == fuse::kStatx;
  Forward(request, std::move(forwarded));
}

bool Server::AnswerListing(uint64_t unique, uint64_t node, bool plus, uint64_t offset, uint32_t size,
                           const Buffer& buffer) {
  uint8_t* payload = buffer.data() + kPageSize;
  DirectoryWriter writer(payload, std::min<size_t>(size, kMaxRead), plus, offset, options_.owner, options_.validity);
  const NodeTable::Visit visit = nodes_.VisitListing(
      node, writer.after_ino(), [&writer](uint64_t ino, uint64_t parent_ino) { writer.AddDots(ino, parent_ino); },
      [&](const NodeTable::ListedNode& child) {
        if (!dirty_nodes_.any()) return writer.Add(child);
        NodeAttributes shown = child.attributes;
        dirty_nodes_.Show(&shown);
        return writer.Add({shown, child.name, child.attributes_known});
      });
  if (visit == NodeTable::Visit::kNotHeld) return false;
  device_.ReplyInPlace(unique, payload, writer.size());
  if (visit == NodeTable::Visit::kFirstVisit) requests_.PostListed(node);
  return true;
}

void Server::Readdir(const Incoming& request, bool plus) {
  const auto* in = request.As<fuse::ReadIn>();
  if (in == nullptr) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  const fuse::InHeader& header = request.header;
  if (AnswerListing(header.unique, header.node, plus, in->offset, in->size, request.reply)) return;
  RequestQueue::Request forwarded{Kind::kReaddir};
  forwarded.plus = plus;
  forwarded.offset = in->offset;
  forwarded.size = in->size;
  Forward(request, std::move(forwarded));
}

void Server::Open(const Incoming& request) {
  const auto* in = request.As<fuse::OpenIn>();
  if (in == nullptr || (options_.read_only && (in->flags & O_ACCMODE) != O_RDONLY)) {
    device_.ReplyError(request.header.unique, in == nullptr ? EIO : EROFS);
    return;
  }
  RequestQueue::Request forwarded{Kind::kOpen};
  forwarded.flags = in->flags;
  Forward(request, std::move(forwarded));
}

void Server::Read(const Incoming& request) {
  const uint64_t unique = request.header.unique;
  const auto* in = request.As<fuse::ReadIn>();
  const auto file = in != nullptr ? files_->Find(in->handle) : std::nullopt;
  if (!file || in->size > kMaxRead) {  // more than was negotiated; a short answer would mean the end of the file
    device_.ReplyError(unique, in == nullptr || file ? EIO : EBADF);
    return;
  }
  const Content& content = *file->content;
  const ByteRange range{in->offset, in->offset + in->size};
  const auto dirty = content.dirty();
  const uint64_t end = std::min(range.end, content.size());
  std::vector<ByteRange> missing;
  if (dirty != nullptr) {
    missing = dirty->FromBase(range);
  } else if (range.start < end) {
    missing.push_back({range.start, end});
  }
  int refused = 0;
  const auto park = [&] {
    RequestQueue::Request forwarded{Kind::kRead};
    forwarded.handle = in->handle;
    forwarded.range = range;
    forwarded.missing = {missing.front().start, missing.back().end};
    forwarded.content = file->content;
    return Park(request, std::move(forwarded), &refused);
  };
  switch (file->content->RequireOrPark(missing, park)) {
    case Content::Availability::kPresent:
      return io_.AnswerRead(unique, content, range, request.reply);
    case Content::Availability::kParked:
      if (refused != 0) device_.ReplyError(unique, refused);
      return;
    case Content::Availability::kDropped:
      device_.ReplyError(unique, EIO);
      return;
  }
}

void Server::Flush(const Incoming& request) {
  // A process that is killed in a buffered read sends no INTERRUPT; that it closes its files is all we see of it. But
  // an exec() in another thread, or a forked process, closes the same file while its reader goes on.
  const auto* in = request.As<fuse::FlushIn>();
  if (in != nullptr) {
    for (const auto& read : requests_.ReadsOfHandle(in->handle)) {
      const bool same = read.pid == request.header.pid && read.pid != 0;
      if (!same && TaskRuns(read.pid)) continue;
      if (const auto cancelled = requests_.Cancel(read.id)) device_.ReplyError(cancelled->unique, EINTR);
    }
  }
  // What was written is in the file already, and who begins it has a row in the journal. RELEASE has the rest noted.
  device_.ReplyEmpty(request.header.unique);
}

void Server::Fsync(const Incoming& request) {
  const auto* in = request.As<fuse::FsyncIn>();
  RequestQueue::Request forwarded{Kind::kFsync};
  if (in != nullptr && request.header.opcode == fuse::kFsync) {
    const auto file = files_->Find(in->handle);
    if (file && file->content->dirty() != nullptr) forwarded.handle = in->handle;
  }
  if (options_.read_only || (request.header.opcode == fuse::kFsync && forwarded.handle == 0)) {
    device_.ReplyEmpty(request.header.unique);
    return;
  }
  Forward(request, std::move(forwarded));
}

void Server::Write(const Incoming& request) {
  const auto* in = request.As<fuse::WriteIn>();
  if (in == nullptr || request.size - sizeof *in < in->size) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  // With O_APPEND, too, it belongs where the kernel says: that knows the size, and sends the parts of one write
  // with O_DIRECT at the same time.
  ChangeContent(request, in->handle,
                {Change::What::kWrite, {in->offset, in->offset + in->size}, request.body + sizeof *in, true});
}

void Server::Allocate(const Incoming& request) {
  constexpr uint32_t kKeepSize = FALLOC_FL_KEEP_SIZE;
  constexpr uint32_t kZeros = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
  const auto* in = request.As<fuse::FallocateIn>();
  if (in == nullptr || (in->mode & ~(kKeepSize | kZeros)) != 0 || (in->mode & kZeros) == kZeros) {
    device_.ReplyError(request.header.unique, in == nullptr ? EIO : EOPNOTSUPP);
    return;
  }
  const bool grows = (in->mode & (kKeepSize | FALLOC_FL_PUNCH_HOLE)) == 0;
  const auto what = (in->mode & kZeros) != 0 ? Change::What::kZero : Change::What::kAllocate;
  ChangeContent(request, in->handle, {what, {in->offset, in->offset + in->length}, nullptr, grows});
}

void Server::ChangeContent(const Incoming& request, uint64_t handle, const Change& change) {
  const uint64_t unique = request.header.unique;
  const auto file = files_->Find(handle);
  // Before it is dirty, and before the disk is asked: what can never be sent costs nothing.
  const bool too_large = change.range.end > options_.largest_file || change.range.end < change.range.start;
  if (!file || too_large) {
    device_.ReplyError(unique, file ? EFBIG : EBADF);
    return;
  }
  if (file->content->dirty() != nullptr) return io_.AnswerChange(unique, *file->content, change);
  RequestQueue::Request forwarded{Kind::kBeginWrite};
  forwarded.handle = handle;
  forwarded.content = file->content;
  forwarded.change = change;
  if (change.bytes != nullptr) {
    // The reader goes on with its buffer. The kernel lets as many wait as INIT allows, one for each writer otherwise.
    forwarded.bytes = std::make_shared<const std::vector<uint8_t>>(
        change.bytes, change.bytes + (change.range.end - change.range.start));
  }
  Forward(request, std::move(forwarded));
}

void Server::ForwardNamed(const Incoming& request, RequestQueue::Request forwarded,
                          std::optional<std::string_view> name) {
  const uint64_t unique = request.header.unique;
  if (!name) {
    device_.ReplyError(unique, EIO);
  } else if (name->size() > kMaxNameLength) {
    device_.ReplyError(unique, ENAMETOOLONG);
  } else if (!IsUtf8(*name)) {
    device_.ReplyError(unique, EILSEQ);  // as other file systems that keep names in Unicode
  } else {
    forwarded.name = *name;
    Forward(request, std::move(forwarded));
  }
}

void Server::Create(const Incoming& request) {
  const auto* in = request.As<fuse::CreateIn>();
  RequestQueue::Request forwarded{Kind::kCreate};
  forwarded.opens = true;
  if (in != nullptr) {
    forwarded.flags = in->flags;
    forwarded.mode = in->mode & ALLPERMS;
  }
  ForwardNamed(request, std::move(forwarded), request.Name(sizeof *in));
}

void Server::Mknod(const Incoming& request) {
  const auto* in = request.As<fuse::MknodIn>();
  if (in != nullptr && !S_ISREG(in->mode)) {
    device_.ReplyError(request.header.unique, EPERM);
    return;
  }
  RequestQueue::Request forwarded{Kind::kCreate};
  if (in != nullptr) forwarded.mode = in->mode & ALLPERMS;
  ForwardNamed(request, std::move(forwarded), request.Name(sizeof *in));
}

void Server::Mkdir(const Incoming& request) {
  const auto* in = request.As<fuse::MkdirIn>();
  RequestQueue::Request forwarded{Kind::kMkdir};
  if (in != nullptr) forwarded.mode = in->mode & ALLPERMS;
  ForwardNamed(request, std::move(forwarded), request.Name(sizeof *in));
}

void Server::Unlink(const Incoming& request, Kind kind) { ForwardNamed(request, {kind}, request.Name(0)); }

void Server::Rename(const Incoming& request, bool with_flags) {
  RequestQueue::Request forwarded{Kind::kRename};
  const size_t offset = with_flags ? sizeof(fuse::Rename2In) : sizeof(fuse::RenameIn);
  const auto name = request.Name(offset);
  const auto new_name = name ? request.Name(offset + name->size() + 1) : std::nullopt;
  if (!new_name) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  if (new_name->size() > kMaxNameLength || !IsUtf8(*new_name)) {
    device_.ReplyError(request.header.unique, new_name->size() > kMaxNameLength ? ENAMETOOLONG : EILSEQ);
    return;
  }
  forwarded.new_parent = request.As<fuse::RenameIn>()->new_parent;
  if (with_flags) forwarded.flags = request.As<fuse::Rename2In>()->flags;
  forwarded.new_name = *new_name;
  ForwardNamed(request, std::move(forwarded), name);
}

void Server::Setattr(const Incoming& request) {
  const auto* in = request.As<fuse::SetattrIn>();
  if (in == nullptr) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  RequestQueue::Request forwarded{Kind::kSetattr};
  RequestQueue::Attributes& wanted = forwarded.attributes;
  const auto sets = [in](uint32_t what) { return (in->valid & what) != 0; };
  if (sets(fuse::kSetSize)) wanted.size = in->size;
  if (sets(fuse::kSetMtimeNow)) {
    wanted.modified_milliseconds = WallMilliseconds();
  } else if (sets(fuse::kSetMtime)) {
    // Before 1970 it is negative.
    wanted.modified_milliseconds = static_cast<int64_t>(in->mtime) * 1000 + in->mtime_nanoseconds / 1'000'000;
  }
  if (sets(fuse::kSetMode)) wanted.permissions = in->mode & ALLPERMS;
  if (sets(fuse::kSetUid)) wanted.uid = in->uid;
  if (sets(fuse::kSetGid)) wanted.gid = in->gid;
  // The times of reading are not kept; that one was set is seen by the time of the change.
  wanted.touched = sets(fuse::kSetAtime | fuse::kSetAtimeNow | fuse::kSetUid | fuse::kSetGid);
  if (!wanted.size && !wanted.modified_milliseconds && !wanted.permissions && !wanted.touched) return Getattr(request);
  if (SetOfDirty(request, wanted)) return;
  if (sets(fuse::kSetHandle)) wanted.handle = in->handle;
  Forward(request, std::move(forwarded));
}

// What cp(1), tar(1) and rsync(1) set of the file that they have just written. While it is open for writing nobody sends it,
// and JavaScript notes what it is like when it is closed.
bool Server::SetOfDirty(const Incoming& request, const RequestQueue::Attributes& wanted) {
  const uint64_t node = request.header.node;
  const bool same_owner = wanted.uid.value_or(options_.owner.uid) == options_.owner.uid &&
                          wanted.gid.value_or(options_.owner.gid) == options_.owner.gid;
  const bool special = (wanted.permissions.value_or(0) & ~static_cast<uint32_t>(ACCESSPERMS)) != 0;
  if (wanted.size || !same_owner || special || !files_->IsOpenForWriting(node)) return false;
  NodeAttributes attributes;
  const auto dirty = dirty_nodes_.Find(node);
  if (dirty == nullptr || !nodes_.Get(node, &attributes)) return false;
  if (wanted.modified_milliseconds || wanted.permissions || wanted.touched) {
    if (const int error = dirty->ChangeAttributes(wanted.modified_milliseconds, wanted.permissions)) {
      device_.ReplyError(request.header.unique, error);
      return true;
    }
  }
  AnswerAttributes(request.header.unique, attributes, options_.validity);
  return true;
}

void Server::Release(const Incoming& request) {
  const auto* in = request.As<fuse::ReleaseIn>();
  if (in != nullptr) GiveBack(in->handle);
  device_.ReplyEmpty(request.header.unique);
}

void Server::Getxattr(const Incoming& request) {
  const auto* in = request.As<fuse::GetxattrIn>();
  const auto name = in != nullptr ? request.Name(sizeof *in) : std::nullopt;
  if (!name) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  const bool is_known =
      StartsWith(*name, kOurAttributes) || *name == kOriginAttribute || StartsWith(*name, kMacAttributes);
  if (!is_known || !IsUtf8(*name)) {
    // "Not supported" makes ls(1) and others stop asking for security labels and access lists on this file system.
    device_.ReplyError(request.header.unique, StartsWith(*name, kUserAttributes) ? ENODATA : EOPNOTSUPP);
    return;
  }
  RequestQueue::Request forwarded{Kind::kGetxattr};
  forwarded.size = in->size;
  forwarded.name = *name;
  Forward(request, std::move(forwarded));
}

// Ours may be set although nothing else can be written: they are wishes, not content.
void Server::Setxattr(const Incoming& request) {
  const auto* in = request.As<fuse::SetxattrIn>();
  const auto name = in != nullptr ? request.Name(sizeof *in) : std::nullopt;
  const size_t value_offset = name ? sizeof *in + name->size() + 1 : 0;
  if (!name || request.size - value_offset < in->size) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  const std::string_view value(reinterpret_cast<const char*>(request.body + value_offset), in->size);
  if (!StartsWith(*name, kOurAttributes) || !IsUtf8(*name)) {
    device_.ReplyError(request.header.unique, options_.read_only ? EROFS : EOPNOTSUPP);
    return;
  }
  if (value.size() > kLongestValue || !IsUtf8(value)) {
    device_.ReplyError(request.header.unique, EINVAL);
    return;
  }
  RequestQueue::Request forwarded{Kind::kSetxattr};
  forwarded.flags = in->flags;
  forwarded.name = *name;
  forwarded.value = value;
  Forward(request, std::move(forwarded));
}

void Server::Removexattr(const Incoming& request) {
  const auto name = request.Name(0);
  if (!name || !StartsWith(*name, kOurAttributes) || !IsUtf8(*name)) {
    device_.ReplyError(request.header.unique, !name ? EIO : options_.read_only ? EROFS : EOPNOTSUPP);
    return;
  }
  RequestQueue::Request forwarded{Kind::kRemovexattr};
  forwarded.name = *name;
  Forward(request, std::move(forwarded));
}

void Server::Listxattr(const Incoming& request) {
  const auto* in = request.As<fuse::GetxattrIn>();
  if (in == nullptr) {
    device_.ReplyError(request.header.unique, EIO);
    return;
  }
  // None, so that `cp -a` does not try to copy ours.
  if (in->size == 0) {
    device_.Reply(request.header.unique, fuse::GetxattrOut{});
  } else {
    device_.ReplyEmpty(request.header.unique);
  }
}

void Server::Lseek(const Incoming& request) {
  const auto* in = request.As<fuse::LseekIn>();
  const auto file = in != nullptr ? files_->Find(in->handle) : std::nullopt;
  if (!file) {
    device_.ReplyError(request.header.unique, in == nullptr ? EIO : EBADF);
    return;
  }
  // Bytes that are not local are data, too: a hole would be copied as zeros without a READ.
  const uint64_t size = file->content->shown_size();
  if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE) {
    device_.ReplyError(request.header.unique, EINVAL);
  } else if (in->offset >= size) {
    device_.ReplyError(request.header.unique, ENXIO);
  } else {
    device_.Reply(request.header.unique, fuse::LseekOut{in->whence == SEEK_DATA ? in->offset : size});
  }
}

void Server::Statfs(const Incoming& request) {
  fuse::StatfsOut out{};
  out.blocks = total_blocks_;
  out.blocks_free = free_blocks_;
  out.blocks_available = available_blocks_;
  // No numbers of files: nobody says how many there may be. df(1) shows a dash then, not that all are in use.
  out.block_size = kPageSize;
  out.fragment_size = kPageSize;
  out.name_length = kMaxNameLength;
  device_.Reply(request.header.unique, out);
}

void Server::Interrupt(const Incoming& request) {
  const auto* in = request.As<fuse::InterruptIn>();
  if (in == nullptr) return;
  // Has no answer of its own.
  if (const auto interrupted = requests_.Interrupt(in->unique)) device_.ReplyError(interrupted->unique, EINTR);
}

}  // namespace b2bmount
