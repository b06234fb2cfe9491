// A thread of ours inside a process that is Node's.
#pragma once

#include <pthread.h>

#include <functional>

namespace b2bmount {

// Signals of the process stay with Node's threads: all are blocked here, but for the one of Interrupt().
class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { Join(); }

  // `name` is what ps(1) and top(1) show, up to 15 characters. False: the system has no thread for us.
  bool Start(const char* name, std::function<void()> body);

  // Makes a blocking system call of the thread fail with EINTR. The thread may be about to enter it: call again
  // until the thread has noticed.
  void Interrupt();

  void Join();
  bool started() const { return started_; }

 private:
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace b2bmount
