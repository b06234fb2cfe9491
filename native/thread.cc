#include "thread.h"

#include <csignal>
#include <memory>
#include <mutex>
#include <utility>

namespace b2bmount {
namespace {

// Ignored by default, so that a handler that does nothing changes nothing for anybody else.
constexpr int kInterruptSignal = SIGURG;

void IgnoreSignal(int) {}

void InstallHandlerOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_handler = IgnoreSignal;  // without SA_RESTART: read(2) has to return
    sigemptyset(&action.sa_mask);
    sigaction(kInterruptSignal, &action, nullptr);
  });
}

void* Run(void* argument) {
  std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

}  // namespace

bool Thread::Start(const char* name, std::function<void()> body) {
  InstallHandlerOnce();
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  sigdelset(&blocked, kInterruptSignal);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);  // inherited by the new thread
  auto argument = std::make_unique<std::function<void()>>(std::move(body));
  started_ = pthread_create(&thread_, nullptr, Run, argument.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!started_) return false;
  argument.release();
  pthread_setname_np(thread_, name);
  return true;
}

void Thread::Interrupt() {
  if (started_) pthread_kill(thread_, kInterruptSignal);
}

void Thread::Join() {
  if (!started_) return;
  pthread_join(thread_, nullptr);
  started_ = false;
}

}  // namespace b2bmount
