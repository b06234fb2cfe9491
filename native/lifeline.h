// A small process beside this one, for each mount, which ends the mount's connection when this one dies.
#pragma once

#include <sys/types.h>

#include <string>

namespace b2bmount {

// The end of a process closes /dev/fuse, which ends the connection and gives everybody who waits for us an error. But a
// thread that is in a notification holds the open file, and may be waiting, not to be killed, for the lock of a
// directory, which belongs to somebody who waits for our answer. Then the file is never closed, and both wait forever.
// Nothing in this process can help, for a signal has ended all of its threads but that one.
class Lifeline {
 public:
  Lifeline() = default;
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;
  ~Lifeline() { End(); }

  // By a thread that lives as long as the mount is served: the kernel tells the lifeline of the end of this thread.
  // Where the program is missing, or may not abort connections, there is none.
  //
  // @param device_number of the mount, "0:minor"
  void Start(const std::string& device_number);
  // Any thread, once no notification is under way; returns at once.
  void End();

 private:
  pid_t process_ = 0;  // 0: none
};

}  // namespace b2bmount
