// What travels on /dev/fuse: the part of the kernel's protocol that b2bmount speaks.
//
// Layouts and numbers are the kernel's ABI (major 7). Everything is in host byte order. A structure that the kernel
// extends later keeps its beginning, so sizes are checked as minima when reading. The version in which a thing appeared
// stands beside it; what may be absent is tested by flag, or by the error of the first use, never by version alone.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace b2bmount::fuse {

constexpr uint32_t kMajor = 7;
// The newest minor whose structures are used here. The reply to INIT says the smaller of this and the kernel's.
constexpr uint32_t kMinor = 45;
// Linux 5.4. Older ones would need shorter replies.
constexpr uint32_t kOldestMinor = 31;

constexpr uint64_t kRootNode = 1;

// clang-format off
enum Opcode : uint32_t {
  kLookup = 1, kForget = 2, kGetattr = 3, kSetattr = 4, kReadlink = 5, kSymlink = 6, kMknod = 8, kMkdir = 9,
  kUnlink = 10, kRmdir = 11, kRename = 12, kLink = 13, kOpen = 14, kRead = 15, kWrite = 16, kStatfs = 17,
  kRelease = 18, kFsync = 20, kSetxattr = 21, kGetxattr = 22, kListxattr = 23, kRemovexattr = 24, kFlush = 25,
  kInit = 26, kOpendir = 27, kReaddir = 28, kReleasedir = 29, kFsyncdir = 30, kGetlk = 31, kSetlk = 32, kSetlkw = 33,
  kAccess = 34, kCreate = 35, kInterrupt = 36, kBmap = 37, kDestroy = 38, kIoctl = 39, kPoll = 40, kNotifyReply = 41,
  kBatchForget = 42, kFallocate = 43, kReaddirplus = 44, kRename2 = 45, kLseek = 46, kCopyFileRange = 47,
  kSetupmapping = 48, kRemovemapping = 49, kSyncfs = 50, kTmpfile = 51, kStatx = 52, kCopyFileRange64 = 53,
  kOpcodes = 54,  // one past the last known
};

enum NotifyCode : int32_t {
  kNotifyInvalidateInode = 2, kNotifyInvalidateEntry = 3,
  kNotifyIncrementEpoch = 8,  // 7.44
};

// INIT flags; bits from 32 on travel in `flags2` (7.36).
enum InitFlag : uint64_t {
  kAsyncRead = 1ull << 0,
  kBigWrites = 1ull << 5,
  kDoReaddirplus = 1ull << 13,
  kAsyncDirectIo = 1ull << 15,
  kParallelDirops = 1ull << 18,
  kAbortError = 1ull << 21,
  kMaxPages = 1ull << 22,
  kExplicitInvalidateData = 1ull << 25,
  kHandleKillPrivileges2 = 1ull << 28,  // 7.33
  kInitExtended = 1ull << 30,
  kHasExpireOnly = 1ull << 35,
  kDirectIoAllowMmap = 1ull << 36,  // 7.39
  kPassthrough = 1ull << 37,
  kNoExport = 1ull << 38,
  kHasResend = 1ull << 39,
};

// Reply to OPEN.
enum OpenFlag : uint32_t {
  kDirectIo = 1u << 0,
  kKeepCache = 1u << 1,
  kNoFlush = 1u << 5,       // 7.35; ignored before
  kOpenPassthrough = 1u << 7,  // 7.40
};
// clang-format on

constexpr uint32_t kExpireOnly = 1u << 0;  // in NotifyInvalidateEntry

struct InHeader {
  uint32_t length;  // of the whole request
  uint32_t opcode;
  uint64_t unique;  // bit 63 marks a resent request; it is part of the answer
  uint64_t node;
  uint32_t uid;
  uint32_t gid;
  uint32_t pid;  // a thread id; 0 if not visible from here
  uint16_t extension_length;
  uint16_t padding;
};
static_assert(sizeof(InHeader) == 40);

struct OutHeader {
  uint32_t length;  // of the whole reply
  int32_t error;    // 0 or a negative errno; a NotifyCode when `unique` is 0
  uint64_t unique;
};
static_assert(sizeof(OutHeader) == 16);

struct Attributes {
  uint64_t ino;
  uint64_t size;
  uint64_t blocks;
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t atime_nanoseconds;
  uint32_t mtime_nanoseconds;
  uint32_t ctime_nanoseconds;
  uint32_t mode;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint32_t device;
  uint32_t block_size;
  uint32_t flags;
};
static_assert(sizeof(Attributes) == 88);

struct InitIn {
  uint32_t major;
  uint32_t minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint32_t flags2;  // 7.36; kernels before send 16 bytes
  uint32_t unused[11];
};
static_assert(sizeof(InitIn) == 64);
constexpr uint32_t kInitInShort = 16;

struct InitOut {
  uint32_t major;
  uint32_t minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint16_t max_background;
  uint16_t congestion_threshold;
  uint32_t max_write;
  uint32_t time_granularity;  // nanoseconds
  uint16_t max_pages;
  uint16_t map_alignment;
  uint32_t flags2;
  uint32_t max_stack_depth;
  uint16_t request_timeout;
  uint16_t unused[11];
};
static_assert(sizeof(InitOut) == 64);

struct EntryOut {
  uint64_t node;  // 0: no such name, may be remembered for entry_valid
  uint64_t generation;
  uint64_t entry_valid;
  uint64_t attributes_valid;
  uint32_t entry_valid_nanoseconds;
  uint32_t attributes_valid_nanoseconds;
  Attributes attributes;
};
static_assert(sizeof(EntryOut) == 128);

struct AttributesOut {
  uint64_t valid;
  uint32_t valid_nanoseconds;
  uint32_t padding;
  Attributes attributes;
};
static_assert(sizeof(AttributesOut) == 104);

struct StatxTime {
  int64_t seconds;
  uint32_t nanoseconds;
  int32_t padding;
};

struct Statx {
  uint32_t mask;  // STATX_*: what is there
  uint32_t block_size;
  uint64_t attributes;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint16_t mode;
  uint16_t padding;
  uint64_t ino;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  StatxTime atime;
  StatxTime btime;
  StatxTime ctime;
  StatxTime mtime;
  uint32_t device_numbers[4];
  uint64_t spare[14];
};
static_assert(sizeof(Statx) == 256);

struct StatxOut {  // 7.39; asked for only where somebody wants to know the time of birth
  uint64_t valid;
  uint32_t valid_nanoseconds;
  uint32_t flags;
  uint64_t spare[2];
  Statx statx;
};
static_assert(sizeof(StatxOut) == 288);

struct OpenIn {
  uint32_t flags;  // as in open(2)
  uint32_t open_flags;
};

struct OpenOut {
  uint64_t handle;
  uint32_t open_flags;
  int32_t backing_id;  // with kOpenPassthrough
};
static_assert(sizeof(OpenOut) == 16);

struct ReadIn {  // READ, READDIR, READDIRPLUS
  uint64_t handle;
  uint64_t offset;
  uint32_t size;
  uint32_t read_flags;
  uint64_t lock_owner;
  uint32_t flags;
  uint32_t padding;
};
static_assert(sizeof(ReadIn) == 40);

struct WriteIn {  // followed by the bytes
  uint64_t handle;
  uint64_t offset;
  uint32_t size;
  uint32_t write_flags;
  uint64_t lock_owner;
  uint32_t flags;  // as in open(2)
  uint32_t padding;
};
static_assert(sizeof(WriteIn) == 40);

struct WriteOut {
  uint32_t size;
  uint32_t padding;
};

struct FallocateIn {
  uint64_t handle;
  uint64_t offset;
  uint64_t length;
  uint32_t mode;  // as in fallocate(2)
  uint32_t padding;
};
static_assert(sizeof(FallocateIn) == 32);

struct FsyncIn {
  uint64_t handle;
  uint32_t flags;
  uint32_t padding;
};

// Which fields of SetattrIn count.
enum SetattrValid : uint32_t {
  kSetMode = 1u << 0,
  kSetUid = 1u << 1,
  kSetGid = 1u << 2,
  kSetSize = 1u << 3,
  kSetAtime = 1u << 4,
  kSetMtime = 1u << 5,
  kSetHandle = 1u << 6,
  kSetAtimeNow = 1u << 7,
  kSetMtimeNow = 1u << 8,
};

struct SetattrIn {
  uint32_t valid;
  uint32_t padding;
  uint64_t handle;
  uint64_t size;
  uint64_t lock_owner;
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t atime_nanoseconds;
  uint32_t mtime_nanoseconds;
  uint32_t ctime_nanoseconds;
  uint32_t mode;
  uint32_t unused4;
  uint32_t uid;
  uint32_t gid;
  uint32_t unused5;
};
static_assert(sizeof(SetattrIn) == 88);

struct CreateIn {   // followed by the name
  uint32_t flags;   // as in open(2)
  uint32_t mode;    // the umask has been applied
  uint32_t umask;
  uint32_t open_flags;
};
static_assert(sizeof(CreateIn) == 16);

struct RenameIn {  // followed by the old and the new name
  uint64_t new_parent;
};

struct Rename2In {  // the same
  uint64_t new_parent;
  uint32_t flags;  // as in renameat2(2)
  uint32_t padding;
};

struct ReleaseIn {
  uint64_t handle;
  uint32_t flags;
  uint32_t release_flags;
  uint64_t lock_owner;
};

struct FlushIn {
  uint64_t handle;
  uint32_t unused;
  uint32_t padding;
  uint64_t lock_owner;
};

struct MknodIn {  // followed by the name
  uint32_t mode;
  uint32_t device;
  uint32_t umask;
  uint32_t padding;
};

struct MkdirIn {  // followed by the name
  uint32_t mode;
  uint32_t umask;
};

struct AccessIn {
  uint32_t mask;  // R_OK, W_OK, X_OK
  uint32_t padding;
};

struct SetxattrIn {  // followed by the name and the value; longer with FUSE_SETXATTR_EXT, which is not asked for
  uint32_t size;     // of the value
  uint32_t flags;    // XATTR_CREATE, XATTR_REPLACE
};

struct GetxattrIn {  // followed by the name for GETXATTR
  uint32_t size;     // 0: only the size is asked
  uint32_t padding;
};

struct GetxattrOut {
  uint32_t size;
  uint32_t padding;
};

struct InterruptIn {
  uint64_t unique;
};

struct LseekIn {
  uint64_t handle;
  uint64_t offset;
  uint32_t whence;
  uint32_t padding;
};

struct LseekOut {
  uint64_t offset;
};

struct StatfsOut {
  uint64_t blocks;
  uint64_t blocks_free;
  uint64_t blocks_available;
  uint64_t files;
  uint64_t files_free;
  uint32_t block_size;
  uint32_t name_length;
  uint32_t fragment_size;
  uint32_t padding;
  uint32_t spare[6];
};
static_assert(sizeof(StatfsOut) == 80);

struct Dirent {  // followed by the name, padded to 8 bytes
  uint64_t ino;
  uint64_t offset;  // where the next READDIR continues
  uint32_t name_length;
  uint32_t type;  // DT_*
};
static_assert(sizeof(Dirent) == 24);

struct DirentPlus {
  EntryOut entry;
  Dirent dirent;
};
static_assert(sizeof(DirentPlus) == 152);

struct NotifyInvalidateInode {
  uint64_t node;
  int64_t offset;  // negative: attributes only
  int64_t length;  // 0 or less: to the end
};

struct NotifyInvalidateEntry {  // followed by the name and a NUL
  uint64_t parent;
  uint32_t name_length;
  uint32_t flags;
};

// Answer to CREATE.
struct CreateOut {
  EntryOut entry;
  OpenOut open;
};
static_assert(sizeof(CreateOut) == 144);

struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};

constexpr unsigned long kIoctlBackingOpen = _IOW(229, 1, BackingMap);  // 7.40
constexpr unsigned long kIoctlBackingClose = _IOW(229, 2, uint32_t);

}  // namespace b2bmount::fuse
