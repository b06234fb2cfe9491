#include "tls_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace b2bmount {
namespace {

// What an address gets before the next one is tried; the last one has until JavaScript loses its patience.
constexpr int kPatienceMilliseconds = 1000;

TlsConnection::Failure SystemFailure(int error) {
  const int translated = uv_translate_sys_error(error);
  return {uv_err_name(translated), uv_strerror(translated)};
}

TlsConnection::Failure LibraryFailure() {
  const unsigned long error = ERR_peek_last_error();
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
  if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return SystemFailure(ECONNRESET);
#endif
  const char* reason = ERR_reason_error_string(error);
  return {"ERR_SSL_PROTOCOL", reason == nullptr ? "TLS failed" : reason};
}

// One write to a file at a time: several threads would spin in the kernel for its inode, which could decrypt instead.
std::mutex& WriteMutex(int file) {
  static std::mutex mutexes[16];
  struct stat status {};
  fstat(file, &status);
  return mutexes[status.st_ino % std::size(mutexes)];
}

// @returns 0 or an errno
int WriteFully(int file, const uint8_t* bytes, size_t size, uint64_t offset) {
  const std::lock_guard lock(WriteMutex(file));
  while (size > 0) {
    const ssize_t written = pwrite(file, bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;
    bytes += written;
    size -= static_cast<size_t>(written);
    offset += static_cast<uint64_t>(written);
  }
  return 0;
}

bool Address(const std::string& text, uint16_t port, sockaddr_storage* address, socklen_t* length) {
  std::memset(address, 0, sizeof *address);
  auto* v4 = reinterpret_cast<sockaddr_in*>(address);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    *length = sizeof *v4;
    return true;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(address);
  if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  *length = sizeof *v6;
  return true;
}

}  // namespace

TlsConnection::TlsConnection(std::shared_ptr<TlsTrust> trust, Target target, Span first, Span second, Hooks hooks)
    : trust_(std::move(trust)),
      target_(std::move(target)),
      buffers_{first, second},
      hooks_(std::move(hooks)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

TlsConnection::~TlsConnection() {
  Destroy();
  thread_.Join();
}

bool TlsConnection::Start() {
  return wake_.valid() && thread_.Start("b2b-tls", [this] { Run(); });
}

TlsConnection::News TlsConnection::TakeNews() {
  const std::lock_guard lock(mutex_);
  rung_ = false;
  if (news_.stored > 0) news_.hash = std::exchange(stored_hash_, QuickXorHash{}).Digest();
  return std::exchange(news_, News{});
}

void TlsConnection::Write(const std::string& bytes) {
  {
    const std::lock_guard lock(mutex_);
    to_send_ += bytes;
  }
  Wake();
}

void TlsConnection::Taken() {
  {
    const std::lock_guard lock(mutex_);
    has_other_ = false;
  }
  Wake();
}

void TlsConnection::Store(UniqueFd file, uint64_t offset, uint64_t length) {
  {
    const std::lock_guard lock(mutex_);
    next_destination_ = {std::move(file), offset, length};
    has_other_ = false;
  }
  Wake();
}

void TlsConnection::Destroy() {
  destroyed_.store(true, std::memory_order_release);
  Wake();
}

void TlsConnection::Wake() {
  const uint64_t one = 1;
  // Full means that it is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void TlsConnection::Run() {
  failure_ = Live();
  DeliverRest();
  // Says goodbye, if that can be done at once; a session that ends without cannot be resumed.
  if (ssl_ != nullptr && failure_.code.empty()) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ssl_ = nullptr;
  socket_.Reset();
  hooks_.ended();
}

TlsConnection::Failure TlsConnection::Live() {
  Failure failure;
  if (!Connect(&failure) || !Handshake(&failure)) return failure;
  {
    const std::lock_guard lock(mutex_);
    news_.connected = true;
    rung_ = true;
  }
  hooks_.ring();
  for (;;) {
    const Outcome outcome = Exchange(&failure);
    if (outcome == Outcome::kEnded) return failure;
    // With both buffers full there is nothing to read into: only JavaScript can go on.
    const bool full = filled_ == buffers_[filling_].size;
    const short events = static_cast<short>((full ? 0 : POLLIN) | (wants_to_write_ ? POLLOUT : 0));
    if (!Wait(socket_.get(), events, -1)) return {};
  }
}

bool TlsConnection::Connect(Failure* failure) {
  *failure = SystemFailure(EADDRNOTAVAIL);
  for (size_t i = 0; i < target_.addresses.size() && !destroyed_.load(std::memory_order_acquire); i++) {
    const bool last = i + 1 == target_.addresses.size();
    socket_ = ConnectTo(target_.addresses[i], last ? -1 : kPatienceMilliseconds, failure);
    if (socket_.valid()) return true;
  }
  return false;
}

UniqueFd TlsConnection::ConnectTo(const std::string& text, int patience_milliseconds, Failure* failure) {
  sockaddr_storage address;
  socklen_t length = 0;
  if (!Address(text, target_.port, &address, &length)) {
    *failure = SystemFailure(EADDRNOTAVAIL);
    return {};
  }
  UniqueFd fd(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int error = fd.valid() ? 0 : errno;
  if (error == 0 && connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd sockets[] = {{fd.get(), POLLOUT, 0}, {wake_.get(), POLLIN, 0}};
    int ready;
    do {
      ready = poll(sockets, 2, patience_milliseconds);
    } while (ready < 0 && errno == EINTR);
    socklen_t size = sizeof error;
    if (sockets[0].revents == 0) {
      error = ready == 0 ? ETIMEDOUT : ECANCELED;
    } else if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
  }
  if (error != 0) {
    *failure = SystemFailure(error);
    return {};
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

bool TlsConnection::Handshake(Failure* failure) {
  ssl_ = trust_->NewConnection(target_.host);
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket_.get()) != 1) {
    *failure = LibraryFailure();
    return false;
  }
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const Outcome outcome = After(SSL_do_handshake(ssl_.get()), failure);
    if (outcome == Outcome::kDone) return true;
    if (outcome == Outcome::kEnded) {
      if (failure->code.empty()) *failure = SystemFailure(ECONNRESET);
      const long result = SSL_get_verify_result(ssl_.get());
      if (result != X509_V_OK) *failure = {VerificationName(result), X509_verify_cert_error_string(result)};
      return false;
    }
    if (!Wait(socket_.get(), wants_to_write_ ? POLLOUT : POLLIN, -1)) return false;
  }
}

TlsConnection::Outcome TlsConnection::After(int result, Failure* failure) {
  const int error = errno;
  wants_to_write_ = false;
  if (result > 0) return Outcome::kDone;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::kAgain;
    case SSL_ERROR_WANT_WRITE:
      wants_to_write_ = true;
      return Outcome::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      *failure = {};
      return Outcome::kEnded;
    case SSL_ERROR_SYSCALL:
      *failure = SystemFailure(error == 0 ? ECONNRESET : error);
      return Outcome::kEnded;
    default:
      *failure = LibraryFailure();
      return Outcome::kEnded;
  }
}

TlsConnection::Outcome TlsConnection::Exchange(Failure* failure) {
  if (Send(failure) == Outcome::kEnded) return Outcome::kEnded;
  const bool waits_to_write = wants_to_write_;
  for (;;) {
    if (destroyed_.load(std::memory_order_acquire)) return Outcome::kEnded;
    const Span& buffer = buffers_[filling_];
    if (filled_ == buffer.size) {
      if (Deliver()) continue;
      wants_to_write_ = waits_to_write;
      return Outcome::kAgain;
    }
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(ssl_.get(), buffer.data + filled_, static_cast<int>(buffer.size - filled_));
    const Outcome outcome = After(got, failure);
    if (outcome == Outcome::kEnded) return outcome;
    if (outcome == Outcome::kAgain) {
      Deliver();
      wants_to_write_ = wants_to_write_ || waits_to_write;
      return outcome;
    }
    filled_ += static_cast<size_t>(got);
  }
}

TlsConnection::Outcome TlsConnection::Send(Failure* failure) {
  {
    const std::lock_guard lock(mutex_);
    sending_ += to_send_;
    to_send_.clear();
  }
  wants_to_write_ = false;
  while (!sending_.empty()) {
    ERR_clear_error();
    errno = 0;
    const int sent = SSL_write(ssl_.get(), sending_.data(), static_cast<int>(sending_.size()));
    const Outcome outcome = After(sent, failure);
    if (outcome != Outcome::kDone) return outcome;
    sending_.erase(0, static_cast<size_t>(sent));
  }
  return Outcome::kDone;
}

bool TlsConnection::Deliver() {
  if (destination_.left == 0) {
    const std::lock_guard lock(mutex_);
    destination_ = std::exchange(next_destination_, Destination{});
  }
  if (filled_ == 0) return false;
  return destination_.left > 0 ? WriteToFile() : HandOver();
}

bool TlsConnection::HandOver() {
  bool ring;
  {
    const std::lock_guard lock(mutex_);
    // Behind what was stored JavaScript has to say what comes next, and so it must behind what it was given.
    if (has_other_) return false;
    has_other_ = true;
    news_.buffer = filling_;
    news_.length = filled_;
    ring = !std::exchange(rung_, true);
  }
  filling_ = 1 - filling_;
  filled_ = 0;
  if (ring) hooks_.ring();
  return true;
}

bool TlsConnection::WriteToFile() {
  uint8_t* bytes = buffers_[filling_].data;
  const size_t size = std::min<uint64_t>(filled_, destination_.left);
  const int error = WriteFully(destination_.file.get(), bytes, size, destination_.offset);
  bool ring;
  {
    const std::lock_guard lock(mutex_);
    if (error == 0) {
      stored_hash_.Update(bytes, size);
      news_.stored += size;
    } else {
      news_.store_error = error;
      has_other_ = true;  // nothing more until it is destroyed
    }
    ring = !std::exchange(rung_, true);
  }
  destination_.offset += size;
  destination_.left = error == 0 ? destination_.left - size : 0;
  if (destination_.left == 0) destination_.file.Reset();
  std::memmove(bytes, bytes + size, filled_ - size);
  filled_ -= size;
  if (ring) hooks_.ring();
  return true;
}

// What has arrived before the end is delivered before the end.
void TlsConnection::DeliverRest() {
  while (filled_ > 0 && !destroyed_.load(std::memory_order_acquire)) {
    if (!Deliver() && !Wait(-1, 0, -1)) return;
  }
}

bool TlsConnection::Wait(int fd, short events, int timeout_milliseconds) {
  pollfd sockets[] = {{wake_.get(), POLLIN, 0}, {fd, events, 0}};
  const bool also_socket = fd >= 0 && events != 0;
  while (poll(sockets, also_socket ? 2 : 1, timeout_milliseconds) < 0 && errno == EINTR) {
  }
  uint64_t count;
  if (sockets[0].revents != 0) [[maybe_unused]] const ssize_t drained = read(wake_.get(), &count, sizeof count);
  return !destroyed_.load(std::memory_order_acquire);
}

}  // namespace b2bmount
