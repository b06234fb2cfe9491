#include "tls_trust.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace b2bmount {
namespace {

constexpr size_t kMostHosts = 100;
constexpr size_t kMostSessionsPerHost = 8;
// Records of 16 KiB come in one call of recv(2) as far as they have arrived, not in two calls each.
constexpr size_t kReadBuffer = 64 * 1024;

constexpr unsigned char kAlpn[] = "\x08http/1.1";

bool IsAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

bool AddRoots(SSL_CTX* context, const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  if (bio == nullptr) return false;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int added = 0;
  while (X509* root = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    if (X509_STORE_add_cert(store, root) == 1) added++;
    X509_free(root);
  }
  BIO_free(bio);
  ERR_clear_error();  // the end of the text is an error, too
  return added > 0;
}

}  // namespace

bool TlsTrust::Available() {
  return dlsym(RTLD_DEFAULT, "SSL_CTX_new") != nullptr && dlsym(RTLD_DEFAULT, "SSL_read") != nullptr &&
         dlsym(RTLD_DEFAULT, "X509_VERIFY_PARAM_set1_host") != nullptr &&
         dlsym(RTLD_DEFAULT, "PEM_read_bio_X509") != nullptr;
}

std::shared_ptr<TlsTrust> TlsTrust::Create(const std::string& roots) {
  SslPtr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return nullptr;
  SSL_CTX* ctx = context.get();
  if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) return nullptr;
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_default_read_buffer_len(ctx, kReadBuffer);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, OnNewSession);
  // The only function of OpenSSL that returns 0 for success.
  if (SSL_CTX_set_alpn_protos(ctx, kAlpn, sizeof kAlpn - 1) != 0) return nullptr;
  if (!AddRoots(ctx, roots)) return nullptr;
  std::shared_ptr<TlsTrust> trust(new TlsTrust(std::move(context)));
  SSL_CTX_set_app_data(ctx, trust.get());
  return trust;
}

SslPtr<SSL> TlsTrust::NewConnection(const std::string& host) {
  SslPtr<SSL> connection(SSL_new(context_.get()));
  SSL* ssl = connection.get();
  if (ssl == nullptr) return nullptr;
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (IsAddress(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) return nullptr;
  } else {
    if (X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size()) != 1) return nullptr;
    // What the macro SSL_set_tlsext_host_name does, without its C cast.
    char* const name = const_cast<char*>(host.c_str());
    if (SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) != 1) return nullptr;
  }
  SSL_set_app_data(ssl, const_cast<std::string*>(&host));
  if (const auto session = TakeSession(host)) SSL_set_session(ssl, session.get());
  SSL_set_connect_state(ssl);
  return connection;
}

int TlsTrust::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  auto* trust = static_cast<TlsTrust*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto* host = static_cast<const std::string*>(SSL_get_app_data(ssl));
  trust->Remember(*host, SslPtr<SSL_SESSION>(session));
  return 1;  // the session is ours now
}

void TlsTrust::Remember(const std::string& host, SslPtr<SSL_SESSION> session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= kMostHosts && sessions_.find(host) == sessions_.end()) sessions_.erase(sessions_.begin());
  auto& known = sessions_[host];
  known.push_back(std::move(session));
  if (known.size() > kMostSessionsPerHost) known.pop_front();
}

SslPtr<SSL_SESSION> TlsTrust::TakeSession(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto known = sessions_.find(host);
  if (known == sessions_.end() || known->second.empty()) return nullptr;
  auto session = std::move(known->second.back());
  known->second.pop_back();
  return session;
}

const char* VerificationName(long result) {
  switch (result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT: return "UNABLE_TO_GET_ISSUER_CERT";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: return "UNABLE_TO_GET_ISSUER_CERT_LOCALLY";
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return "CERT_SIGNATURE_FAILURE";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "CERT_NOT_YET_VALID";
    case X509_V_ERR_CERT_HAS_EXPIRED: return "CERT_HAS_EXPIRED";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "DEPTH_ZERO_SELF_SIGNED_CERT";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "SELF_SIGNED_CERT_IN_CHAIN";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG: return "CERT_CHAIN_TOO_LONG";
    case X509_V_ERR_CERT_REVOKED: return "CERT_REVOKED";
    case X509_V_ERR_INVALID_CA: return "INVALID_CA";
    case X509_V_ERR_PATH_LENGTH_EXCEEDED: return "PATH_LENGTH_EXCEEDED";
    case X509_V_ERR_INVALID_PURPOSE: return "INVALID_PURPOSE";
    case X509_V_ERR_CERT_REJECTED: return "CERT_REJECTED";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return "HOSTNAME_MISMATCH";
    default: return "CERT_UNTRUSTED";
  }
}

}  // namespace b2bmount
