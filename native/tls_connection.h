// One TLS connection with a thread of its own, which decrypts into buffers that JavaScript takes over one at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "quick_xor_hash.h"
#include "thread.h"
#include "tls_trust.h"
#include "unique_fd.h"

namespace b2bmount {

// While JavaScript works on one buffer the thread fills the other; when that is full, too, it stops reading, and TCP
// stops the other side. So the slower JavaScript is, the larger are the pieces that it gets, and the fewer.
//
// JavaScript need not see the bytes: after Store() so many of the next ones go from the buffer into a file, and it hears
// how many, and what their hash is.
//
// INVARIANT: the thread writes to buffer `filling_` only, and never while JavaScript has it.
class TlsConnection {
 public:
  struct Target {
    std::vector<std::string> addresses;  // of IP, tried in this order
    uint16_t port;
    std::string host;  // what the certificate must be for
  };
  struct Span {
    uint8_t* data;
    size_t size;
  };
  struct Failure {
    std::string code;  // of errno, of a verification, or ERR_SSL_...; empty: the connection was closed properly
    std::string message;
  };
  // What has happened since the last look, in this order.
  struct News {
    bool connected = false;
    int buffer = -1;  // with `length` bytes, until Taken()
    size_t length = 0;
    uint64_t stored = 0;  // bytes, since the last look
    std::string hash;     // QuickXorHash of these
    int store_error = 0;  // errno; nothing more will be stored
  };
  // Called by the connection's thread.
  struct Hooks {
    std::function<void()> ring;   // there is news
    std::function<void()> ended;  // once, as the last thing that the thread does
  };

  // The buffers stay where they are until the destructor has returned.
  TlsConnection(std::shared_ptr<TlsTrust> trust, Target target, Span first, Span second, Hooks hooks);
  ~TlsConnection();

  bool Start();
  News TakeNews();
  void Write(const std::string& bytes);
  // JavaScript has no more use for the buffer that it was given.
  void Taken();
  // The same, and the next `length` bytes belong into the file, from `offset` on.
  void Store(UniqueFd file, uint64_t offset, uint64_t length);
  // Ends the connection as soon as possible.
  void Destroy();
  // Why it ended. To be asked after `ended`.
  const Failure& failure() const { return failure_; }

 private:
  void Run();
  Failure Live();
  bool Connect(Failure* failure);
  UniqueFd ConnectTo(const std::string& address, int patience_milliseconds, Failure* failure);
  // The results of SSL_connect, SSL_read, SSL_write.
  enum class Outcome { kDone, kAgain, kEnded };
  Outcome After(int result, Failure* failure);
  bool Handshake(Failure* failure);
  // Writes, reads and hands over until the socket has no more to give.
  Outcome Exchange(Failure* failure);
  Outcome Send(Failure* failure);
  // Empties the buffer, into JavaScript's hands or into the file. False: it has to wait for JavaScript.
  bool Deliver();
  bool HandOver();
  bool WriteToFile();
  void DeliverRest();
  // Sleeps until the socket is ready or JavaScript has something to say. False: destroyed.
  bool Wait(int fd, short events, int timeout_milliseconds);
  void Wake();

  const std::shared_ptr<TlsTrust> trust_;
  const Target target_;
  const Span buffers_[2];
  const Hooks hooks_;
  const UniqueFd wake_;
  std::atomic<bool> destroyed_{false};
  Thread thread_;

  struct Destination {
    UniqueFd file;
    uint64_t offset = 0;
    uint64_t left = 0;
  };

  // The thread's own.
  UniqueFd socket_;
  SslPtr<SSL> ssl_;
  int filling_ = 0;
  size_t filled_ = 0;
  bool wants_to_write_ = false;  // OpenSSL waits for room in the socket
  std::string sending_;
  Destination destination_;
  Failure failure_;

  std::mutex mutex_;
  News news_;
  bool rung_ = false;       // JavaScript will look at the news
  bool has_other_ = false;  // JavaScript has the buffer that is not being filled
  QuickXorHash stored_hash_;
  Destination next_destination_;
  std::string to_send_;
};

}  // namespace b2bmount
