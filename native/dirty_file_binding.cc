#include "dirty_file_binding.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"

namespace b2bmount {
namespace {

// So that no other object is taken for a DirtyFile.
constexpr napi_type_tag kTag = {0x6232626d6f756e74, 0x64697274795f666c};

// Names of the errors that a disk has; the rest is unknown to whoever decides by them.
const char* CodeOf(int error) {
  switch (error) {
    case ENOSPC:
      return "ENOSPC";
    case EDQUOT:
      return "EDQUOT";
    case EFBIG:
      return "EFBIG";
    case EBADF:
      return "EBADF";
    case EROFS:
      return "EROFS";
    case ENOMEM:
      return "ENOMEM";
    case EINVAL:
      return "EINVAL";
    default:
      return "EIO";
  }
}

void ThrowErrno(Napi::Env env, int error) {
  Napi::Error failure = Napi::Error::New(env, std::string(CodeOf(error)) + ": " + std::strerror(error));
  failure.Set("code", Napi::String::New(env, CodeOf(error)));
  failure.ThrowAsJavaScriptException();
}

Napi::Value ToPairs(Napi::Env env, const std::vector<ByteRange>& ranges) {
  auto pairs = Napi::Float64Array::New(env, ranges.size() * 2);
  double* next = pairs.Data();
  for (const auto& [start, end] : ranges) {
    *next++ = static_cast<double>(start);
    *next++ = static_cast<double>(end);
  }
  return pairs;
}

Napi::Value ToNumber(Napi::Env env, double value) { return Napi::Number::New(env, value); }

UniqueFd Duplicate(uint64_t fd) { return UniqueFd(fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 0)); }

// Lives on the JavaScript thread.
class DirtyFileObject : public Napi::ObjectWrap<DirtyFileObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "DirtyFile",
                       {InstanceAccessor<&DirtyFileObject::GetSize>("size"),
                        InstanceAccessor<&DirtyFileObject::GetModified>("modified"),
                        InstanceAccessor<&DirtyFileObject::GetChanged>("changed"),
                        InstanceAccessor<&DirtyFileObject::GetRevision>("revision"),
                        InstanceAccessor<&DirtyFileObject::GetWrittenAt>("writtenAt"),
                        InstanceAccessor<&DirtyFileObject::GetBaseEnd>("baseEnd"),
                        InstanceAccessor<&DirtyFileObject::GetPermissions, &DirtyFileObject::SetPermissions>("permissions"),
                        InstanceAccessor<&DirtyFileObject::GetNoted, &DirtyFileObject::SetNoted>("noted"),
                        InstanceMethod<&DirtyFileObject::FromBase>("fromBase"),
                        InstanceMethod<&DirtyFileObject::Written>("written"),
                        InstanceMethod<&DirtyFileObject::Write>("write"),
                        InstanceMethod<&DirtyFileObject::Truncate>("truncate"),
                        InstanceMethod<&DirtyFileObject::Zero>("zero"),
                        InstanceMethod<&DirtyFileObject::Fill>("fill"),
                        InstanceMethod<&DirtyFileObject::Read>("read"),
                        InstanceMethod<&DirtyFileObject::SetModified>("setModified"),
                        InstanceMethod<&DirtyFileObject::Writes>("writes"),
                        InstanceMethod<&DirtyFileObject::WrittenOutside>("writtenOutside"),
                        InstanceMethod<&DirtyFileObject::Close>("close")});
  }

  explicit DirtyFileObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DirtyFileObject>(info) {
    const Napi::Env env = info.Env();
    Arguments arguments(info);
    const uint64_t fd = arguments.Integer(0, "fd");
    const bool has_log = info.Length() > 1 && info[1].IsNumber() && info[1].As<Napi::Number>().DoubleValue() != -1;
    const uint64_t log = has_log ? arguments.Integer(1, "log") : 0;
    const uint64_t base_end = arguments.Integer(2, "baseEnd");
    ByteRanges written = arguments.Ranges(3, "written");
    const uint64_t modified = arguments.Integer(4, "modified");
    if (!arguments.valid()) return;
    UniqueFd own = Duplicate(fd);
    UniqueFd own_log = has_log ? Duplicate(log) : UniqueFd();
    struct stat status{};
    if (!own.valid() || (has_log && !own_log.valid()) || fstat(own.get(), &status) != 0) {
      ThrowErrno(env, errno);
      return;
    }
    file_ = std::make_shared<DirtyFile>(std::move(own), std::move(own_log), static_cast<uint64_t>(status.st_size),
                                        base_end, std::move(written), static_cast<int64_t>(modified));
    info.This().As<Napi::Object>().TypeTag(&kTag);
  }

  std::shared_ptr<DirtyFile> file() const { return file_; }

 private:
  Napi::Value GetSize(const Napi::CallbackInfo& info) { return ToNumber(info.Env(), static_cast<double>(Last().size)); }
  Napi::Value GetModified(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(Last().modified));
  }
  Napi::Value GetChanged(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(Last().changed));
  }
  Napi::Value GetRevision(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(Last().revision));
  }
  Napi::Value GetWrittenAt(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(Last().written_at));
  }
  Napi::Value GetBaseEnd(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(Last().base_end));
  }

  Napi::Value GetPermissions(const Napi::CallbackInfo& info) {
    const int32_t permissions = Last().permissions;
    return permissions < 0 ? info.Env().Undefined() : ToNumber(info.Env(), permissions);
  }
  void SetPermissions(const Napi::CallbackInfo&, const Napi::Value& value) {
    if (file_ != nullptr && value.IsNumber()) file_->SetPermissions(value.As<Napi::Number>().Int32Value());
  }
  Napi::Value GetNoted(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(Last().noted));
  }
  void SetNoted(const Napi::CallbackInfo&, const Napi::Value& value) {
    if (file_ != nullptr && value.IsNumber())
      file_->SetNoted(static_cast<uint64_t>(value.As<Napi::Number>().Int64Value()));
  }

  Napi::Value FromBase(const Napi::CallbackInfo& info) {
    const auto range = RangeArguments(info);
    if (!range) return info.Env().Undefined();
    return ToPairs(info.Env(), file_->FromBase(*range));
  }

  Napi::Value Written(const Napi::CallbackInfo& info) {
    if (!Usable(info.Env())) return info.Env().Undefined();
    return ToPairs(info.Env(), file_->Written());
  }

  Napi::Value Write(const Napi::CallbackInfo& info) {
    return PutBytes(info, [this](uint64_t offset, const uint8_t* bytes, size_t size) {
      return file_->Write(offset, bytes, size);
    });
  }

  Napi::Value Fill(const Napi::CallbackInfo& info) {
    return PutBytes(info, [this](uint64_t offset, const uint8_t* bytes, size_t size) {
      return file_->Fill(offset, bytes, size);
    });
  }

  Napi::Value Truncate(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    const uint64_t size = arguments.Integer(0, "size");
    if (arguments.valid() && Usable(info.Env())) Check(info.Env(), file_->Truncate(size));
    return info.Env().Undefined();
  }

  Napi::Value Zero(const Napi::CallbackInfo& info) {
    if (const auto range = RangeArguments(info)) Check(info.Env(), file_->Zero(*range));
    return info.Env().Undefined();
  }

  Napi::Value Read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto range = RangeArguments(info);
    if (!range) return env.Undefined();
    const uint64_t end = std::min(range->end, file_->size());
    std::vector<uint8_t> bytes(range->start < end ? end - range->start : 0);
    size_t got = 0;
    const int error = file_->Read({range->start, std::max(range->start, end)}, -1, bytes.data(), &got);
    if (!Check(env, error)) return env.Undefined();
    auto result = Napi::Uint8Array::New(env, got);
    if (got > 0) std::memcpy(result.Data(), bytes.data(), got);
    return result;
  }

  Napi::Value SetModified(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 1 || !info[0].IsNumber()) {
      ThrowTypeError(env, "modified must be a number");
    } else if (Usable(env)) {
      file_->SetModified(info[0].As<Napi::Number>().Int64Value());
    }
    return env.Undefined();
  }

  Napi::Value Writes(const Napi::CallbackInfo& info) {
    return ToNumber(info.Env(), static_cast<double>(file_ == nullptr ? last_writes_ : file_->Writes()));
  }

  Napi::Value WrittenOutside(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    const uint64_t modified = arguments.Integer(0, "modified");
    if (arguments.valid() && Usable(info.Env())) file_->WrittenOutside(static_cast<int64_t>(modified));
    return info.Env().Undefined();
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    if (file_ != nullptr) {
      last_ = Last();
      last_writes_ = file_->Writes();
      file_.reset();
    }
    return info.Env().Undefined();
  }

  struct State {
    uint64_t size;
    int64_t modified;
    int64_t changed;
    uint64_t revision;
    uint64_t base_end;
    int32_t permissions;
    uint64_t noted;
    int64_t written_at;
  };
  State Last() const {
    if (file_ == nullptr) return last_;
    return {file_->size(),        file_->modified(), file_->changed(),   file_->revision(), file_->base_end(),
            file_->permissions(), file_->noted(),    file_->written_at()};
  }

  bool Usable(Napi::Env env) const {
    if (file_ != nullptr) return true;
    ThrowErrno(env, EBADF);
    return false;
  }

  static bool Check(Napi::Env env, int error) {
    if (error != 0) ThrowErrno(env, error);
    return error == 0;
  }

  std::optional<ByteRange> RangeArguments(const Napi::CallbackInfo& info) const {
    Arguments arguments(info);
    const uint64_t start = arguments.Integer(0, "start");
    const uint64_t end = arguments.Integer(1, "end");
    if (!arguments.valid() || !Usable(info.Env())) return std::nullopt;
    return ByteRange{start, std::max(start, end)};
  }

  template <typename Put>
  Napi::Value PutBytes(const Napi::CallbackInfo& info, Put&& put) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Integer(0, "offset");
    const auto [bytes, size] = arguments.Bytes(1, "bytes");
    if (arguments.valid() && Usable(info.Env())) Check(info.Env(), put(offset, bytes, size));
    return info.Env().Undefined();
  }

  std::shared_ptr<DirtyFile> file_;
  State last_{};
  uint64_t last_writes_ = 0;
};

}  // namespace

void ExportDirtyFile(Napi::Env env, Napi::Object exports) {
  exports.Set("DirtyFile", DirtyFileObject::Define(env));
}

std::shared_ptr<DirtyFile> ToDirtyFile(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) return nullptr;
  return DirtyFileObject::Unwrap(value.As<Napi::Object>())->file();
}

}  // namespace b2bmount
