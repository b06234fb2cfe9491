// The lifeline of a mount: waits for the end of the process that serves it, and aborts its connection. See lifeline.h.
//
//   b2bmount-lifeline PARENT CONNECTION
//
// Writes one byte to its output when it is ready. Ends with 1 if it may not abort the connection: then nobody needs it.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "descriptors.h"
#include "unique_fd.h"

namespace b2bmount {
namespace {

constexpr char kConnections[] = "/sys/fs/fuse/connections";
// So long may programs hang after a crash. A look takes less than 0.1 ms.
constexpr timespec kBetweenLooks{2, 0};

// Root's own mount of the control file system, attached nowhere: it need not be mounted elsewhere (in containers it is
// not), and whoever unmounts it elsewhere does not find it busy.
UniqueFd MountConnections() {
#ifdef SYS_fsopen
  // include/uapi/linux/mount.h, Linux 5.2; <sys/mount.h> has them from glibc 2.36 on.
  constexpr unsigned kFsopenCloexec = 1;
  constexpr unsigned kFsconfigCmdCreate = 6;
  constexpr unsigned kFsmountCloexec = 1;
  const UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "fusectl", kFsopenCloexec)));
  if (context.valid() && syscall(SYS_fsconfig, context.get(), kFsconfigCmdCreate, nullptr, nullptr, 0) == 0) {
    return UniqueFd(static_cast<int>(syscall(SYS_fsmount, context.get(), kFsmountCloexec, 0)));
  }
#endif
  return UniqueFd();
}

// The file belongs to the user whose mount it is. It stays that connection's: numbers are used again, but what is
// written here after the connection has gone does nothing (fs/fuse/control.c, fuse_ctl_remove_conn).
UniqueFd OpenAbort(const char* connection) {
  char name[32];
  std::snprintf(name, sizeof name, "%s/abort", connection);
  UniqueFd connections = MountConnections();
  if (!connections.valid()) connections.Reset(open(kConnections, O_PATH | O_DIRECTORY | O_CLOEXEC));
  return UniqueFd(openat(connections.get(), name, O_WRONLY | O_CLOEXEC));
}

// A crash that could leave a core dump (SIGSEGV, and the SIGABRT by which Node.js ends when its heap is full) first
// gathers all threads, also where no dump will be written (fs/coredump.c, coredump_wait): for one that hangs in the
// kernel it waits, and nobody is told of anything.
bool IsCrashing(const char* parent) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%s/status", parent);
  const UniqueFd status(open(path, O_RDONLY | O_CLOEXEC));
  char text[16384];  // proc_pid_status(5): some 1,500 bytes, and the numbers of all groups
  const ssize_t length = read(status.get(), text, sizeof text - 1);
  if (length <= 0) return false;
  text[length] = '\0';
  return std::strstr(text, "\nCoreDumping:\t1\n") != nullptr;
}

// A byte, to whoever reads; what nobody reads is not missed.
bool Write(int fd, char byte) { return write(fd, &byte, 1) == 1; }

int Main(const char* parent, const char* connection) {
  // The signals of a terminal and of service managers reach everybody in their group. They end the daemon, in its own
  // time; until then it needs its lifeline, which it ends by SIGKILL.
  sigset_t signals;
  sigfillset(&signals);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  prctl(PR_SET_NAME, "b2b-lifeline");
  // What the daemon has inherited is not to be kept open, or busy, by us.
  CloseDescriptorsFrom(STDERR_FILENO + 1);
  if (chdir("/") != 0) return 1;
  const UniqueFd abort = OpenAbort(connection);
  if (!abort.valid()) return 1;

  // Nobody else sends this one. It comes when the thread that started us has ended, also while others of its process
  // cannot: getppid(2) and a pidfd tell of the end of the last.
  const int parent_died = SIGRTMIN;
  prctl(PR_SET_PDEATHSIG, parent_died);
  sigemptyset(&signals);
  sigaddset(&signals, parent_died);
  // It serves nothing before we are ready: had it died before that, it would have died altogether.
  if (getppid() == std::atoi(parent)) {
    if (!Write(STDOUT_FILENO, '1')) return 1;
    close(STDOUT_FILENO);
    while (sigtimedwait(&signals, nullptr, &kBetweenLooks) < 0 && !IsCrashing(parent)) {
    }
  }
  return Write(abort.get(), '1') ? 0 : 1;
}

}  // namespace
}  // namespace b2bmount

int main(int argc, char** argv) { return argc == 3 ? b2bmount::Main(argv[1], argv[2]) : 2; }
