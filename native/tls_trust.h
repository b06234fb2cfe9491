// What TLS connections share: whom to trust, and the sessions to resume. OpenSSL is the one inside Node.
#pragma once

#include <openssl/ssl.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace b2bmount {

struct SslDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
template <typename T>
using SslPtr = std::unique_ptr<T, SslDeleter>;

// Any thread.
class TlsTrust {
 public:
  // False: this Node keeps its OpenSSL to itself, and nothing below may be called.
  static bool Available();

  // `roots`: PEM, any number of certificates. Null: OpenSSL failed, or there is no certificate in it.
  static std::shared_ptr<TlsTrust> Create(const std::string& roots);

  // A connection that will accept nobody but `host`, a DNS name or an IP address. Null: OpenSSL failed.
  // `host` stays where it is as long as the SSL does.
  SslPtr<SSL> NewConnection(const std::string& host);

  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;

 private:
  explicit TlsTrust(SslPtr<SSL_CTX> context) : context_(std::move(context)) {}
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);
  void Remember(const std::string& host, SslPtr<SSL_SESSION> session);
  SslPtr<SSL_SESSION> TakeSession(const std::string& host);

  const SslPtr<SSL_CTX> context_;
  std::mutex mutex_;
  // A TLS 1.3 ticket is for one use (RFC 8446, appendix C.4).
  std::unordered_map<std::string, std::list<SslPtr<SSL_SESSION>>> sessions_;
};

// As node:tls names the results of a verification, for example `CERT_HAS_EXPIRED`.
const char* VerificationName(long result);

}  // namespace b2bmount
