#include "quick_xor_hash_binding.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "quick_xor_hash.h"
#include "unique_fd.h"

namespace b2bmount {
namespace {

constexpr size_t kChunk = 256 * 1024;  // stays in a core's cache between pread(2) and the hash

class FileHasher : public Napi::AsyncWorker {
 public:
  FileHasher(Napi::Env env, UniqueFd fd, uint64_t start, uint64_t length)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        fd_(std::move(fd)),
        start_(start),
        length_(length) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    QuickXorHash hash;
    std::vector<uint8_t> chunk(kChunk);
    for (uint64_t done = 0; done < length_;) {
      const size_t wanted = std::min<uint64_t>(chunk.size(), length_ - done);
      const ssize_t got = pread(fd_.get(), chunk.data(), wanted, static_cast<off_t>(start_ + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return SetError(std::string("reading a file to hash it: ") + std::strerror(errno));
      if (got == 0) return SetError("a file to be hashed is shorter than expected");
      hash.Update(chunk.data(), static_cast<size_t>(got));
      done += static_cast<uint64_t>(got);
    }
    digest_ = hash.Digest();
  }

  void OnOK() override { deferred_.Resolve(Napi::String::New(Env(), digest_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  const Napi::Promise::Deferred deferred_;
  const UniqueFd fd_;
  const uint64_t start_;
  const uint64_t length_;
  std::string digest_;
};

Napi::Value HashBytes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Napi::TypeError::New(env, "quickXorHash(bytes): bytes must be a Uint8Array").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto bytes = info[0].As<Napi::Uint8Array>();
  QuickXorHash hash;
  hash.Update(bytes.Data(), bytes.ByteLength());
  return Napi::String::New(env, hash.Digest());
}

bool IsCount(const Napi::Value& value) {
  return value.IsNumber() && value.As<Napi::Number>().DoubleValue() >= 0 &&
         value.As<Napi::Number>().DoubleValue() <= 9007199254740991.0;
}

// A piece at a time: whoever hashes a large file can stop between two of them, and others get their turn.
Napi::Value HashRange(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !IsCount(info[1]) || !IsCount(info[2])) {
    Napi::TypeError::New(env, "quickXorHashRange(fd, start, length): all must be numbers, not negative")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  // Our own: the caller may close his before the worker has begun.
  UniqueFd fd(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) {
    Napi::TypeError::New(env, "quickXorHashRange(fd, start, length): fd is not an open file").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* hasher = new FileHasher(env, std::move(fd), static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()),
                                static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value()));  // deletes itself
  hasher->Queue();
  return hasher->promise();
}

}  // namespace

void ExportQuickXorHash(Napi::Env env, Napi::Object exports) {
  exports.Set("quickXorHash", Napi::Function::New(env, HashBytes, "quickXorHash"));
  exports.Set("quickXorHashRange", Napi::Function::New(env, HashRange, "quickXorHashRange"));
}

}  // namespace b2bmount
