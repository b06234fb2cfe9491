#include "lifeline.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "unique_fd.h"

namespace b2bmount {
namespace {

constexpr char kProgram[] = "b2bmount-lifeline";
// It needs one or two; this is for a machine that hardly moves.
constexpr int kReadyMilliseconds = 2'000;

// Beside this addon, where the build has put both. Empty if that cannot be told.
std::string FindProgram() {
  Dl_info info;
  if (dladdr(kProgram, &info) == 0 || info.dli_fname == nullptr) return {};
  const std::string addon = info.dli_fname;
  return addon.substr(0, addon.rfind('/') + 1) + kProgram;
}

// @param output becomes the program's standard output. @returns 0 if it cannot be started
pid_t Spawn(std::string program, std::string connection, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &all);  // from its first moment on: see lifeline_main.cc
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  std::string parent = std::to_string(getpid());
  char* argv[] = {program.data(), parent.data(), connection.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t process = 0;
  const int error = posix_spawn(&process, program.c_str(), &actions, &attributes, argv, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? process : 0;
}

// Whether it has said that it is ready; false if it has ended.
bool IsReady(int output) {
  pollfd watched{output, POLLIN, 0};
  int ready;
  do {
    ready = poll(&watched, 1, kReadyMilliseconds);
  } while (ready < 0 && errno == EINTR);
  char byte;
  return ready > 0 && read(output, &byte, 1) == 1;
}

}  // namespace

void Lifeline::Start(const std::string& device_number) {
  const std::string program = FindProgram();
  const size_t colon = device_number.find(':');
  int pipes[2];
  if (program.empty() || colon == std::string::npos || pipe2(pipes, O_CLOEXEC) != 0) return;
  const UniqueFd output(pipes[0]);
  UniqueFd input(pipes[1]);
  process_ = Spawn(program, device_number.substr(colon + 1), input.get());
  input.Reset();
  if (process_ != 0 && !IsReady(output.get())) End();
}

void Lifeline::End() {
  if (process_ == 0) return;
  // It hears nothing else, holds nothing, and sleeps where this ends it at once.
  kill(process_, SIGKILL);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = 0;
}

}  // namespace b2bmount
