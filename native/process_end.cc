#include "process_end.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "exit_guard.h"

namespace b2bmount {
namespace {

// To take the mounts away. A process of fusermount3 may hang.
constexpr unsigned kDetachSeconds = 2;
constexpr std::array kEndingSignals{SIGINT, SIGTERM, SIGHUP};
constexpr char kLate[] = "b2bmount: something did not end in time; the process was ended all the same\n";

// Never destroyed: signals may come at any time.
struct LastResort {
  sem_t begun;
  timespec limit;
  std::array<struct sigaction, NSIG> before;
};
LastResort* last_resort = nullptr;

// The kernel ends the process by SIGALRM, should even this take too long.
[[noreturn]] void EndProcess(int code) {
  alarm(kDetachSeconds);
  DetachGuarded();
  // Not exit(3): that waits for Node's thread pool, of which a thread may be reading a disk that does not answer.
  _exit(code);
}

void* WaitForEnd(void*) {
  while (sem_wait(&last_resort->begun) != 0 && errno == EINTR) {
  }
  timespec left = last_resort->limit;
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  static_cast<void>(!write(STDERR_FILENO, kLate, sizeof kLate - 1));
  EndProcess(1);
}

// Notes the time, and leaves everything else to Node's own handler.
void OnEndingSignal(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  sem_post(&last_resort->begun);
  const struct sigaction& before = last_resort->before[static_cast<size_t>(signal)];
  if ((before.sa_flags & SA_SIGINFO) != 0) before.sa_sigaction(signal, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) before.sa_handler(signal);
  errno = error;
}

bool StartWaiting() {
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGALRM);  // somebody has to take it
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, WaitForEnd, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started) {
    pthread_setname_np(thread, "b2b-end");
    pthread_detach(thread);
  }
  return started;
}

// A signal that nobody handles ends the process at once; that stays so.
void WatchSignals() {
  for (const int signal : kEndingSignals) {
    struct sigaction& before = last_resort->before[static_cast<size_t>(signal)];
    if (sigaction(signal, nullptr, &before) != 0) continue;
    if ((before.sa_flags & SA_SIGINFO) == 0 && (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)) continue;
    struct sigaction ours = before;
    ours.sa_flags |= SA_SIGINFO;
    ours.sa_sigaction = OnEndingSignal;
    sigaction(signal, &ours, nullptr);
  }
}

Napi::Value LimitEnding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double limit = info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(limit >= 1 && limit <= 1e9)) {
    Napi::TypeError::New(env, "limitEnding(milliseconds): must be a number, at least 1").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (last_resort != nullptr) return env.Undefined();
  auto* resort = new LastResort{};
  sem_init(&resort->begun, 0, 0);
  const auto milliseconds = static_cast<time_t>(limit);
  resort->limit = {milliseconds / 1000, (milliseconds % 1000) * 1'000'000};
  last_resort = resort;
  if (StartWaiting()) WatchSignals();
  return env.Undefined();
}

Napi::Value BeginEnding(const Napi::CallbackInfo& info) {
  if (last_resort != nullptr) sem_post(&last_resort->begun);
  return info.Env().Undefined();
}

Napi::Value ExitNow(const Napi::CallbackInfo& info) {
  EndProcess(info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 1);
}

}  // namespace

void ExportProcessEnd(Napi::Env env, Napi::Object exports) {
  exports.Set("limitEnding", Napi::Function::New(env, LimitEnding, "limitEnding"));
  exports.Set("beginEnding", Napi::Function::New(env, BeginEnding, "beginEnding"));
  exports.Set("exitNow", Napi::Function::New(env, ExitNow, "exitNow"));
}

}  // namespace b2bmount
