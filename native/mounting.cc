#include "mounting.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

extern char** environ;

namespace b2bmount {
namespace {

constexpr char kDevice[] = "/dev/fuse";
constexpr char kHelper[] = "fusermount3";
// The helper needs milliseconds; this is for a machine that hardly moves.
constexpr int kHelperDeadlineMilliseconds = 30'000;
constexpr size_t kMaxHelperOutput = 4096;
// The kernel compares modes, on the way to a file, too, of which a server hears nothing.
constexpr char kOptions[] = ",default_permissions";
// The descriptor under which the helper finds its end of the socket.
constexpr int kHelperSocket = 3;

bool IsRoot() { return geteuid() == 0; }

MountError SystemError(const char* code, const std::string& what, int error) {
  return {code, what + ": " + std::strerror(error)};
}

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string Unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

struct MountPoint {
  std::string device_number;
  std::string type;
};

// What is on top at `directory`. Asks the kernel's table only, never the file system mounted there.
std::optional<MountPoint> FindMountPoint(const std::string& directory) {
  std::ifstream table("/proc/self/mountinfo");
  std::optional<MountPoint> top;
  for (std::string line; std::getline(table, line);) {
    // 36 35 98:0 /root /mount/point options [optional…] - type source options
    std::istringstream fields(line);
    std::string id, parent, device_number, root, place, field;
    fields >> id >> parent >> device_number >> root >> place;
    if (Unescape(place) != directory) continue;
    while (fields >> field && field != "-") {
    }
    std::string type;
    fields >> type;
    top = MountPoint{device_number, type};
  }
  return top;
}

bool IsFuse(const MountPoint& mount_point) { return mount_point.type.rfind("fuse", 0) == 0; }

// Resolves symbolic links without asking the file system that may be mounted there: O_PATH opens nothing.
std::optional<MountError> Resolve(const std::string& directory, std::string* resolved) {
  const UniqueFd fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return SystemError("MOUNT_POINT", directory, errno);
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  if (length < 0) return SystemError("MOUNT_POINT", directory, errno);
  resolved->assign(path, static_cast<size_t>(length));
  return std::nullopt;
}

// Commas part mount options; fusermount3 takes a backslash before those that do not.
std::string EscapeOption(const std::string& value) {
  std::string escaped;
  for (const char c : value) {
    if (c == ',' || c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

struct HelperResult {
  bool missing = false;
  int exit_status = -1;
  std::string output;
  UniqueFd device;
};

int MillisecondsLeft(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

UniqueFd ReceiveDescriptor(int socket) {
  char byte;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0) return UniqueFd();
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return UniqueFd();
  int fd;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

// Collects what the helper prints and sends, until it has closed both. @returns false if the time is up
bool Attend(int output, int socket, HelperResult* result) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kHelperDeadlineMilliseconds);
  pollfd watched[] = {{output, POLLIN, 0}, {socket, POLLIN, 0}};
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    const int ready = poll(watched, 2, MillisecondsLeft(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if (watched[1].revents != 0) {
      result->device = ReceiveDescriptor(socket);
      watched[1].fd = -1;
    }
    if (watched[0].revents != 0) {
      char text[512];
      const ssize_t length = read(output, text, sizeof text);
      if (length > 0 && result->output.size() < kMaxHelperOutput) result->output.append(text, static_cast<size_t>(length));
      if (length <= 0) watched[0].fd = -1;
    }
  }
  return true;
}

int Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// @param with_socket the helper is to send the device's descriptor
HelperResult RunHelper(std::vector<std::string> arguments, bool with_socket) {
  HelperResult result;
  int sockets[2] = {-1, -1};
  int pipes[2] = {-1, -1};
  if (with_socket && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return result;
  UniqueFd ours(sockets[0]);
  UniqueFd theirs(sockets[1]);
  if (pipe2(pipes, O_CLOEXEC) != 0) return result;
  const UniqueFd output(pipes[0]);
  UniqueFd input(pipes[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDERR_FILENO);
  if (with_socket) posix_spawn_file_actions_adddup2(&actions, theirs.get(), kHelperSocket);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);  // a thread of ours has all signals blocked
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  arguments.insert(arguments.begin(), kHelper);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // Only the helper gets this variable; our own environment stays as it is.
  std::string socket_variable = "_FUSE_COMMFD=" + std::to_string(kHelperSocket);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; variable++) environment.push_back(*variable);
  if (with_socket) environment.push_back(socket_variable.data());
  environment.push_back(nullptr);

  pid_t pid;
  const int error = posix_spawnp(&pid, kHelper, &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    result.missing = error == ENOENT;
    result.output = std::strerror(error);
    return result;
  }
  theirs.Reset();
  input.Reset();
  // A helper that has closed its outputs is about to end.
  if (!Attend(output.get(), ours.get(), &result)) kill(pid, SIGKILL);
  result.exit_status = Reap(pid);
  while (!result.output.empty() && result.output.back() == '\n') result.output.pop_back();
  return result;
}

MountError HelperError(const HelperResult& result) {
  if (result.missing) return {"NO_FUSERMOUNT", std::string(kHelper) + " is not installed"};
  if (result.output.empty()) return {"FUSERMOUNT", std::string(kHelper) + " failed without a message"};
  return {"FUSERMOUNT", result.output};
}

std::optional<MountError> MountAsRoot(const MountOptions& options, const std::string& directory, UniqueFd* device) {
  device->Reset(open(kDevice, O_RDWR | O_CLOEXEC));
  if (!device->valid()) {
    // ENODEV, ENXIO: the node is there, the kernel module is not.
    const bool absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
    return SystemError(absent ? "ENOENT" : errno == EACCES ? "EPERM" : "EIO", kDevice, errno);
  }
  std::string data = "fd=" + std::to_string(device->get()) + ",rootmode=40000,user_id=" + std::to_string(options.uid) +
                     ",group_id=" + std::to_string(options.gid) + kOptions;
  if (options.allow_other) data += ",allow_other";
  const unsigned long flags = MS_NOSUID | MS_NODEV;
  const std::string type = "fuse." + options.subtype;
  if (mount(options.source.c_str(), directory.c_str(), type.c_str(), flags, data.c_str()) == 0) return std::nullopt;
  const int error = errno;
  const char* code = error == EPERM || error == EACCES ? "EPERM"
                     : error == EBUSY                  ? "EBUSY"
                     : error == ENODEV                 ? "ENOENT"  // no fuse in this kernel
                                                       : "EIO";
  return SystemError(code, "mount " + directory, error);
}

std::optional<MountError> MountAsUser(const MountOptions& options, const std::string& directory, UniqueFd* device) {
  if (access(kDevice, F_OK) != 0) return SystemError("ENOENT", kDevice, errno);
  std::string list = "fsname=" + EscapeOption(options.source) + ",subtype=" + EscapeOption(options.subtype) +
                     ",nosuid,nodev" + kOptions;
  if (options.allow_other) list += ",allow_other";
  HelperResult result = RunHelper({"-o", list, "--", directory}, true);
  if (!result.device.valid() || result.exit_status != 0) return HelperError(result);
  *device = std::move(result.device);
  return std::nullopt;
}

}  // namespace

std::optional<MountError> Mounting::Mount(const MountOptions& options, Mounting* mounting) {
  std::string directory;
  if (auto error = Resolve(options.directory, &directory)) return error;
  const auto occupied = FindMountPoint(directory);
  if (occupied && IsFuse(*occupied)) return MountError{"EBUSY", directory + " is a mount point already"};
  UniqueFd device;
  if (auto error = IsRoot() ? MountAsRoot(options, directory, &device) : MountAsUser(options, directory, &device)) {
    return error;
  }
  mounting->directory_ = directory;
  mounting->device_ = std::move(device);
  if (const auto mounted = FindMountPoint(directory)) mounting->device_number_ = mounted->device_number;
  return std::nullopt;
}

void Mounting::RaiseReadAhead(uint32_t kibibytes) const {
  if (!IsRoot() || device_number_.empty()) return;
  std::ofstream setting("/sys/class/bdi/" + device_number_ + "/read_ahead_kb");
  setting << kibibytes;  // where /sys is read-only (containers), the default stays
}

std::optional<MountError> Mounting::Detach() const {
  const auto mounted = FindMountPoint(directory_);
  if (!mounted || mounted->device_number != device_number_) return std::nullopt;
  return b2bmount::Detach(directory_);
}

std::optional<MountError> Detach(const std::string& directory) {
  if (IsRoot()) {
    if (umount2(directory.c_str(), MNT_DETACH) == 0) return std::nullopt;
    const int error = errno;
    return SystemError(error == EPERM ? "EPERM" : error == EINVAL ? "EINVAL" : "EIO", "unmount " + directory, error);
  }
  const HelperResult result = RunHelper({"-u", "-z", "--", directory}, false);
  if (result.exit_status == 0) return std::nullopt;
  return HelperError(result);
}

}  // namespace b2bmount
