#include "tls_binding.h"

#include <fcntl.h>
#include <uv.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "tls_connection.h"
#include "tls_trust.h"
#include "unique_fd.h"

namespace b2bmount {
namespace {

// So that no other object is taken for a TlsTrust.
constexpr napi_type_tag kTrustTag = {0x6232626d6f756e74, 0x746c735f74727573};

class TlsTrustObject : public Napi::ObjectWrap<TlsTrustObject> {
 public:
  static Napi::Function Define(Napi::Env env) { return DefineClass(env, "TlsTrust", {}); }

  explicit TlsTrustObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TlsTrustObject>(info) {
    if (info.Length() > 0 && info[0].IsString()) trust_ = TlsTrust::Create(info[0].As<Napi::String>().Utf8Value());
    if (trust_ != nullptr) {
      info.This().As<Napi::Object>().TypeTag(&kTrustTag);
    } else {
      ThrowTypeError(info.Env(), "roots must be PEM with a certificate in it");
    }
  }

  std::shared_ptr<TlsTrust> trust() const { return trust_; }

 private:
  std::shared_ptr<TlsTrust> trust_;
};

// Lives on the JavaScript thread. The connection's thread does nothing but ring the doorbell.
class TlsConnectionObject : public Napi::ObjectWrap<TlsConnectionObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "TlsConnection",
                       {InstanceMethod<&TlsConnectionObject::Write>("write"),
                        InstanceMethod<&TlsConnectionObject::Taken>("taken"),
                        InstanceMethod<&TlsConnectionObject::Store>("store"),
                        InstanceMethod<&TlsConnectionObject::Destroy>("destroy"),
                        InstanceMethod<&TlsConnectionObject::Reference>("ref"),
                        InstanceMethod<&TlsConnectionObject::Unreference>("unref")});
  }

  explicit TlsConnectionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TlsConnectionObject>(info) {
    const Napi::Env env = info.Env();
    auto trust = TrustArgument(info);
    auto target = TargetArgument(info);
    Arguments arguments(info);
    const auto [first, first_size] = arguments.Bytes(2, "first");
    const auto [second, second_size] = arguments.Bytes(3, "second");
    if (env.IsExceptionPending()) return;
    if (first_size == 0 || second_size == 0 || info.Length() < 5 || !info[4].IsFunction()) {
      ThrowTypeError(env, "TlsConnection(trust, target, first, second, onEvent)");
      return;
    }
    buffers_[0] = Napi::Persistent(info[2].As<Napi::Object>());
    buffers_[1] = Napi::Persistent(info[3].As<Napi::Object>());
    doorbell_ = Napi::ThreadSafeFunction::New(env, info[4].As<Napi::Function>(), "b2bmount TLS", 0, 1);
    TlsConnection::Hooks hooks;
    hooks.ring = [this] { Ring(&TlsConnectionObject::Deliver); };
    hooks.ended = [this] { Ring(&TlsConnectionObject::End); };
    connection_ = std::make_unique<TlsConnection>(
        std::move(trust), std::move(target), TlsConnection::Span{const_cast<uint8_t*>(first), first_size},
        TlsConnection::Span{const_cast<uint8_t*>(second), second_size}, std::move(hooks));
    if (!connection_->Start()) {
      connection_ = nullptr;
      doorbell_.Release();
      Napi::Error::New(env, "the system has no thread for a connection").ThrowAsJavaScriptException();
      return;
    }
    Ref();  // until `closed`
    napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
  }

 private:
  static std::shared_ptr<TlsTrust> TrustArgument(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() > 0 && info[0].IsObject() && info[0].As<Napi::Object>().CheckTypeTag(&kTrustTag)) {
      return TlsTrustObject::Unwrap(info[0].As<Napi::Object>())->trust();
    }
    ThrowTypeError(env, "trust must be a TlsTrust");
    return nullptr;
  }

  static TlsConnection::Target TargetArgument(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    TlsConnection::Target target{};
    if (env.IsExceptionPending()) return target;
    const char* problem = "target must be {addresses, port, host}";
    if (info.Length() < 2 || !info[1].IsObject()) {
      ThrowTypeError(env, problem);
      return target;
    }
    const auto given = info[1].As<Napi::Object>();
    const Napi::Value addresses = given.Get("addresses");
    const Napi::Value port = given.Get("port");
    const Napi::Value host = given.Get("host");
    if (!addresses.IsArray() || !port.IsNumber() || !host.IsString()) {
      ThrowTypeError(env, problem);
      return target;
    }
    const auto list = addresses.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      const Napi::Value address = list.Get(i);
      if (address.IsString()) target.addresses.push_back(address.As<Napi::String>().Utf8Value());
    }
    target.port = static_cast<uint16_t>(port.As<Napi::Number>().Uint32Value());
    target.host = host.As<Napi::String>().Utf8Value();
    return target;
  }

  void Write(const Napi::CallbackInfo& info) {
    if (info.Length() < 1 || !info[0].IsString()) return ThrowTypeError(info.Env(), "text must be a string");
    if (connection_ != nullptr) connection_->Write(info[0].As<Napi::String>().Utf8Value());
  }
  void Taken(const Napi::CallbackInfo&) {
    if (connection_ != nullptr) connection_->Taken();
  }
  void Store(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    const uint64_t fd = arguments.Integer(0, "fd");
    const uint64_t offset = arguments.Integer(1, "offset");
    const uint64_t length = arguments.Integer(2, "length");
    if (!arguments.valid() || connection_ == nullptr) return;
    // Our own: the caller may close his while a write is under way.
    UniqueFd file(fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 0));
    if (!file.valid() || length == 0) return ThrowTypeError(info.Env(), "store(fd, offset, length)");
    connection_->Store(std::move(file), offset, length);
  }
  void Destroy(const Napi::CallbackInfo&) {
    if (connection_ != nullptr) connection_->Destroy();
  }
  void Reference(const Napi::CallbackInfo& info) {
    if (connection_ != nullptr) doorbell_.Ref(info.Env());
  }
  void Unreference(const Napi::CallbackInfo& info) {
    if (connection_ != nullptr) doorbell_.Unref(info.Env());
  }

  using Handler = void (TlsConnectionObject::*)(Napi::Env, Napi::Function);

  // The connection's thread.
  void Ring(Handler handler) {
    doorbell_.NonBlockingCall([this, handler](Napi::Env env, Napi::Function on_event) {
      if (connection_ != nullptr) (this->*handler)(env, on_event);
    });
  }

  void Deliver(Napi::Env env, Napi::Function on_event) {
    const TlsConnection::News news = connection_->TakeNews();
    if (news.connected) on_event.Call({Event(env, "connected")});
    if (news.stored > 0 && !env.IsExceptionPending()) {
      Napi::Object event = Event(env, "stored");
      event.Set("length", static_cast<double>(news.stored));
      event.Set("hash", news.hash);
      on_event.Call({event});
    }
    if (news.store_error != 0 && !env.IsExceptionPending()) {
      const int error = uv_translate_sys_error(news.store_error);
      Napi::Object event = Event(env, "store-failed");
      event.Set("code", uv_err_name(error));
      event.Set("message", uv_strerror(error));
      on_event.Call({event});
    }
    if (news.buffer >= 0 && !env.IsExceptionPending()) {
      Napi::Object event = Event(env, "data");
      event.Set("buffer", static_cast<double>(news.buffer));
      event.Set("length", static_cast<double>(news.length));
      on_event.Call({event});
    }
  }

  // Nothing is queued behind this, and the thread has nothing more to do: joining it takes no time.
  void End(Napi::Env env, Napi::Function on_event) {
    Deliver(env, on_event);
    Napi::Object event = Event(env, "closed");
    if (const auto& failure = connection_->failure(); !failure.code.empty()) {
      event.Set("code", failure.code);
      event.Set("message", failure.message);
    }
    napi_remove_env_cleanup_hook(env, OnEnvironmentEnd, this);
    connection_ = nullptr;
    doorbell_.Release();
    for (auto& buffer : buffers_) buffer.Reset();
    if (!env.IsExceptionPending()) on_event.Call({event});
    Unref();
  }

  static Napi::Object Event(Napi::Env env, const char* kind) {
    Napi::Object event = Napi::Object::New(env);
    event.Set("kind", kind);
    return event;
  }

  static void OnEnvironmentEnd(void* argument) {
    auto* object = static_cast<TlsConnectionObject*>(argument);
    object->connection_ = nullptr;
    object->doorbell_.Abort();
  }

  std::unique_ptr<TlsConnection> connection_;  // null once closed
  Napi::ThreadSafeFunction doorbell_;
  Napi::ObjectReference buffers_[2];
};

}  // namespace

void ExportTls(Napi::Env env, Napi::Object exports) {
  if (!TlsTrust::Available()) return;
  exports.Set("TlsTrust", TlsTrustObject::Define(env));
  exports.Set("TlsConnection", TlsConnectionObject::Define(env));
}

}  // namespace b2bmount
