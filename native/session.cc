#include "session.h"

#include <fcntl.h>

#include <string>
#include <utility>

#include "arguments.h"
#include "dirty_file_binding.h"
#include "exit_guard.h"
#include "request_object.h"
#include "session_options.h"

namespace b2bmount {
namespace {

// So many requests are handed over at once; then the event loop gets its turn.
constexpr size_t kBatch = 256;

Napi::Error ToError(Napi::Env env, const MountError& mount_error) {
  Napi::Error error = Napi::Error::New(env, mount_error.message);
  error.Set("code", Napi::String::New(env, mount_error.code));
  return error;
}

// What the handler throws is a bug in it: reported like any uncaught exception, and the session goes on.
void CallHandler(Napi::Env env, Napi::Function on_requests, Napi::Array requests) {
  on_requests.Call({requests});
  if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
}

Napi::Value DetachDirectory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsString()) {
    ThrowTypeError(env, "detach(directory): directory must be a string");
  } else if (const auto error = Detach(info[0].As<Napi::String>().Utf8Value())) {
    ToError(env, *error).ThrowAsJavaScriptException();
  }
  return env.Undefined();
}

}  // namespace

Napi::Function Session::Define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceAccessor<&Session::GetProtocol>("protocol"),
                      InstanceMethod<&Session::ReplyError>("replyError"),
                      InstanceMethod<&Session::ReplyEntry>("replyEntry"),
                      InstanceMethod<&Session::ReplyNoEntry>("replyNoEntry"),
                      InstanceMethod<&Session::ReplyAttributes>("replyAttributes"),
                      InstanceMethod<&Session::ReplyListing>("replyListing"),
                      InstanceMethod<&Session::OfferListing>("offerListing"),
                      InstanceMethod<&Session::HoldsListing>("holdsListing"),
                      InstanceMethod<&Session::IsPassedThrough>("isPassedThrough"),
                      InstanceMethod<&Session::ReplyOpen>("replyOpen"),
                      InstanceMethod<&Session::ReplyCreate>("replyCreate"),
                      InstanceMethod<&Session::ReplyDone>("replyDone"),
                      InstanceMethod<&Session::ReplyBytes>("replyBytes"),
                      InstanceMethod<&Session::AddContent>("addContent"),
                      InstanceMethod<&Session::ContentPresent>("contentPresent"),
                      InstanceMethod<&Session::ContentDirty>("contentDirty"),
                      InstanceMethod<&Session::ContentVerified>("contentVerified"),
                      InstanceMethod<&Session::DropContent>("dropContent"),
                      InstanceMethod<&Session::InvalidateEntry>("invalidateEntry"),
                      InstanceMethod<&Session::InvalidateAttributes>("invalidateAttributes"),
                      InstanceMethod<&Session::InvalidateContent>("invalidateContent"),
                      InstanceMethod<&Session::InvalidateAll>("invalidateAll"),
                      InstanceMethod<&Session::Announce>("announce"),
                      InstanceMethod<&Session::SetStatistics>("setStatistics"),
                      InstanceMethod<&Session::GetStatistics>("statistics"),
                      InstanceMethod<&Session::Unmount>("unmount")});
}

Session::Session(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Session>(info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction()) {
    ThrowTypeError(env, "new Session(options, onRequests): an object and a function are needed");
    return;
  }
  SessionOptions options;
  if (!ReadOptions(env, info[0].As<Napi::Object>(), &options)) return;
  Mounting mounting;
  if (const auto error = Mounting::Mount(options.mount, &mounting)) {
    ToError(env, *error).ThrowAsJavaScriptException();
    return;
  }
  doorbell_ = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "b2bmount", 0, 1);
  Server::Hooks hooks;
  hooks.ring = [this] { Ring(); };
  hooks.on_gone = [this] {
    gone_ = true;
    Ring();
  };
  server_ = std::make_unique<Server>(std::move(mounting), options.server, std::move(hooks));
  if (const auto error = server_->Start()) {
    server_.reset();
    doorbell_.Release();
    ToError(env, *error).ThrowAsJavaScriptException();
    return;
  }
  protocol_ = server_->protocol();
  EnterExitGuard(server_.get());
  napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
  Ref();  // collected when it has stopped
}

Session::~Session() = default;

void Session::Ring() {
  doorbell_.NonBlockingCall(
      this, [](Napi::Env env, Napi::Function on_requests, Session* session) { session->Deliver(env, on_requests); });
}

void Session::Deliver(Napi::Env env, Napi::Function on_requests) {
  if (server_ == nullptr) return;
  if (DeliverSome(env, on_requests)) Ring();
  if (gone_) BeginStop();
}

bool Session::DeliverSome(Napi::Env env, Napi::Function on_requests) {
  bool more = false;
  const auto events = server_->requests().Drain(kBatch, server_->table_version(), &more);
  if (events.empty()) return more;
  Napi::Array requests = Napi::Array::New(env, events.size());
  for (uint32_t i = 0; i < events.size(); i++) requests[i] = ToObject(env, events[i]);
  CallHandler(env, on_requests, requests);
  return more;
}

void Session::BeginStop() {
  if (stopping_) return;
  stopping_ = true;
  const auto stop = [this] {
    stop_error_ = server_->Stop();
    doorbell_.NonBlockingCall(this, [](Napi::Env env, Napi::Function on_requests, Session* session) {
      session->FinishStop(env, on_requests);
    });
  };
  if (!stopper_.Start("b2b-unmount", stop)) stop();
}

void Session::FinishStop(Napi::Env env, Napi::Function on_requests) {
  stopper_.Join();
  if (server_ == nullptr) return;
  while (DeliverSome(env, on_requests)) {
  }
  LeaveExitGuard(server_.get());
  last_statistics_ = server_->statistics();
  server_.reset();
  napi_remove_env_cleanup_hook(env, OnEnvironmentEnd, this);
  doorbell_.Release();

  Napi::Object stopped = Napi::Object::New(env);
  stopped.Set("op", Napi::String::New(env, "stopped"));
  Napi::Array requests = Napi::Array::New(env, 1);
  requests[uint32_t{0}] = stopped;
  CallHandler(env, on_requests, requests);
  for (const auto& deferred : unmounting_) {
    if (stop_error_) {
      deferred.Reject(ToError(env, *stop_error_).Value());
    } else {
      deferred.Resolve(env.Undefined());
    }
  }
  unmounting_.clear();
  Unref();
}

void Session::OnEnvironmentEnd(void* argument) {
  auto* session = static_cast<Session*>(argument);
  if (session->server_ == nullptr) return;
  LeaveExitGuard(session->server_.get());
  session->server_->Stop();
  session->stopper_.Join();
  session->server_.reset();
  session->doorbell_.Abort();
}

bool Session::Expect(Napi::Env env, uint64_t id, std::initializer_list<Kind> kinds) const {
  if (server_ == nullptr) return false;
  const auto request = server_->requests().Peek(id);
  if (!request) {
    server_->ReplyLate(id);
    return false;
  }
  for (const Kind kind : kinds) {
    if (request->kind == kind) return true;
  }
  ThrowTypeError(env, "request " + std::to_string(id) + " is not of the kind that this answers");
  return false;
}

Napi::Value Session::GetProtocol(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("minor", Napi::Number::New(env, protocol_.minor));
  object.Set("passthrough", Napi::Boolean::New(env, protocol_.passthrough));
  object.Set("epoch", Napi::Boolean::New(env, protocol_.epoch));
  return object;
}

Napi::Value Session::ReplyError(const Napi::CallbackInfo& info) {
  constexpr uint64_t kMaxErrno = 511;  // the kernel refuses more
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const uint64_t error = arguments.Integer(1, "errno");
  if (!arguments.valid()) return info.Env().Undefined();
  if (error == 0 || error > kMaxErrno) {
    ThrowTypeError(info.Env(), "errno must be from 1 to 511");
  } else if (server_ != nullptr) {
    server_->ReplyError(id, static_cast<int>(error));
  }
  return info.Env().Undefined();
}

Napi::Value Session::ReplyEntry(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const NodeRecord record = arguments.Record(1, "record");
  if (!arguments.valid() || !Expect(info.Env(), id, {Kind::kLookup, Kind::kCreate, Kind::kMkdir})) {
    return info.Env().Undefined();
  }
  server_->ReplyEntry(id, record.attributes, record.name);
  return info.Env().Undefined();
}

Napi::Value Session::ReplyNoEntry(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  if (arguments.valid() && Expect(info.Env(), id, {Kind::kLookup})) server_->ReplyNoEntry(id);
  return info.Env().Undefined();
}

Napi::Value Session::ReplyAttributes(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const NodeRecord record = arguments.Record(1, "record");
  if (!arguments.valid() || !Expect(info.Env(), id, {Kind::kGetattr, Kind::kSetattr})) return info.Env().Undefined();
  server_->ReplyAttributes(id, record.attributes);
  return info.Env().Undefined();
}

Napi::Value Session::ReplyListing(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const auto records = arguments.Records(1, "records");
  const NodeRecord parent = arguments.Record(2, "parent");
  if (!arguments.valid() || !Expect(info.Env(), id, {Kind::kReaddir})) return info.Env().Undefined();
  if (!server_->ReplyListing(id, records, parent.attributes.ino)) {
    ThrowTypeError(info.Env(), "two node records of a listing have the same name or nodeid");
  }
  return info.Env().Undefined();
}

Napi::Value Session::OfferListing(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t node = arguments.Integer(0, "node");
  const auto records = arguments.Records(1, "records");
  const NodeRecord parent = arguments.Record(2, "parent");
  if (!arguments.valid() || server_ == nullptr) return info.Env().Undefined();
  if (!server_->OfferListing(node, records, parent.attributes.ino)) {
    ThrowTypeError(info.Env(), "two node records of a listing have the same name or nodeid");
  }
  return info.Env().Undefined();
}

Napi::Value Session::HoldsListing(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t node = arguments.Integer(0, "node");
  return Napi::Boolean::New(info.Env(), arguments.valid() && server_ != nullptr && server_->HoldsListing(node));
}

Napi::Value Session::IsPassedThrough(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t node = arguments.Integer(0, "node");
  return Napi::Boolean::New(info.Env(), arguments.valid() && server_ != nullptr && server_->IsPassedThrough(node));
}

namespace {

// Whether it is open now.
Napi::Value ToOpened(Napi::Env env, OpenFiles::Opening opened) {
  if (opened == OpenFiles::Opening::kHandleInUse) ThrowTypeError(env, "handle is in use");
  return Napi::Boolean::New(env, opened == OpenFiles::Opening::kDone);
}

}  // namespace

Napi::Value Session::ReplyOpen(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const uint64_t handle = arguments.Integer(1, "handle");
  const uint64_t content_id = arguments.Integer(2, "content");
  if (!arguments.valid() || server_ == nullptr) return info.Env().Undefined();
  auto content = server_->contents().Find(content_id);
  if (content == nullptr || handle == 0) {
    ThrowTypeError(info.Env(), content == nullptr ? "content is not known" : "handle must not be 0");
    return info.Env().Undefined();
  }
  const auto request = server_->requests().Peek(id);
  if (request && request->kind != Kind::kOpen) {
    Expect(info.Env(), id, {Kind::kOpen});
  } else {
    return ToOpened(info.Env(), server_->ReplyOpen(id, handle, std::move(content)));
  }
  return info.Env().Undefined();
}

Napi::Value Session::ReplyCreate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const NodeRecord record = arguments.Record(1, "record");
  const uint64_t handle = arguments.Integer(2, "handle");
  const uint64_t content_id = arguments.Integer(3, "content");
  if (!arguments.valid() || server_ == nullptr) return env.Undefined();
  auto content = server_->contents().Find(content_id);
  const auto request = server_->requests().Peek(id);
  if (content == nullptr || handle == 0) {
    ThrowTypeError(env, content == nullptr ? "content is not known" : "handle must not be 0");
  } else if (request && (request->kind != Kind::kCreate || !request->opens)) {
    ThrowTypeError(env, "request " + std::to_string(id) + " is not of the kind that this answers");
  } else {
    return ToOpened(env, server_->ReplyCreate(id, record.attributes, record.name, handle, std::move(content)));
  }
  return env.Undefined();
}

Napi::Value Session::ReplyDone(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  if (arguments.valid() && Expect(info.Env(), id,
                                  {Kind::kSetxattr, Kind::kRemovexattr, Kind::kUnlink, Kind::kRmdir, Kind::kRename,
                                   Kind::kBeginWrite, Kind::kFsync})) {
    server_->ReplyDone(id);
  }
  return info.Env().Undefined();
}

Napi::Value Session::ReplyBytes(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "id");
  const auto [bytes, size] = arguments.Bytes(1, "bytes");
  if (!arguments.valid() || !Expect(info.Env(), id, {Kind::kGetxattr})) return info.Env().Undefined();
  constexpr size_t kMaxAttribute = 65536;  // XATTR_SIZE_MAX
  if (size > kMaxAttribute) {
    ThrowTypeError(info.Env(), "an extended attribute has at most 64 KiB");
  } else {
    server_->ReplyBytes(id, bytes, size);
  }
  return info.Env().Undefined();
}

Napi::Value Session::AddContent(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments arguments(info);
  const uint64_t fd = arguments.Integer(0, "fd");
  const uint64_t size = arguments.Integer(1, "size");
  ByteRanges present = arguments.Ranges(2, "present");
  const bool verified = arguments.Boolean(3, "verified");
  if (!arguments.valid()) return env.Undefined();
  if (server_ == nullptr) return Napi::Number::New(env, 0);
  UniqueFd duplicate(fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 0));
  if (!duplicate.valid()) {
    ThrowTypeError(env, "fd is not an open file");
    return env.Undefined();
  }
  const auto content = server_->contents().Add(std::move(duplicate), size, std::move(present), verified);
  return Napi::Number::New(env, static_cast<double>(content->id()));
}

std::shared_ptr<Content> Session::ContentArgument(const Napi::CallbackInfo& info) const {
  Arguments arguments(info);
  const uint64_t id = arguments.Integer(0, "content");
  if (!arguments.valid() || server_ == nullptr) return nullptr;
  return server_->contents().Find(id);
}

Napi::Value Session::ContentPresent(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t start = arguments.Integer(1, "start");
  const uint64_t end = arguments.Integer(2, "end");
  if (!arguments.valid()) return info.Env().Undefined();
  if (start > end) {
    ThrowTypeError(info.Env(), "start must not be above end");
  } else if (const auto content = ContentArgument(info)) {
    server_->ContentPresent(content, {start, end});
  }
  return info.Env().Undefined();
}

Napi::Value Session::ContentDirty(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t node = arguments.Integer(1, "node");
  if (!arguments.valid()) return info.Env().Undefined();
  auto file = info.Length() > 2 ? ToDirtyFile(info[2]) : nullptr;
  if (file == nullptr) {
    ThrowTypeError(info.Env(), "dirty must be a DirtyFile that is open");
  } else if (const auto content = ContentArgument(info)) {
    server_->ContentDirty(*content, node, std::move(file));
  }
  return info.Env().Undefined();
}

Napi::Value Session::ContentVerified(const Napi::CallbackInfo& info) {
  if (const auto content = ContentArgument(info)) content->SetVerified();
  return info.Env().Undefined();
}

Napi::Value Session::DropContent(const Napi::CallbackInfo& info) {
  if (const auto content = ContentArgument(info)) {
    server_->contents().Remove(content->id());
    server_->ContentDropped(*content);
  }
  return info.Env().Undefined();
}

Napi::Value Session::InvalidateEntry(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t parent = arguments.Integer(0, "parent");
  const std::string name = arguments.EntryName(1, "name");
  if (arguments.valid() && server_ != nullptr) server_->InvalidateEntry(parent, name);
  return info.Env().Undefined();
}

Napi::Value Session::Announce(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t what = arguments.Integer(0, "what");
  Announcement announcement{};
  announcement.directory = arguments.Integer(1, "directory");
  announcement.path = arguments.Path(2, "path");
  announcement.name = arguments.EntryName(3, "name");
  announcement.is_directory = arguments.Boolean(4, "isDirectory");
  announcement.what = static_cast<Announcement::What>(what);
  if (announcement.what != Announcement::What::kVanished) {
    announcement.attributes = arguments.Record(5, "record").attributes;
  }
  if (arguments.valid() && what <= 2 && server_ != nullptr) server_->Announce(std::move(announcement));
  return info.Env().Undefined();
}

Napi::Value Session::InvalidateAttributes(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t node = arguments.Integer(0, "node");
  if (arguments.valid() && server_ != nullptr) server_->InvalidateAttributes(node);
  return info.Env().Undefined();
}

Napi::Value Session::InvalidateContent(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t node = arguments.Integer(0, "node");
  if (arguments.valid() && server_ != nullptr) server_->InvalidateContent(node);
  return info.Env().Undefined();
}

Napi::Value Session::InvalidateAll(const Napi::CallbackInfo& info) {
  if (server_ != nullptr) server_->InvalidateAll();
  return info.Env().Undefined();
}

Napi::Value Session::SetStatistics(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t total = arguments.Integer(0, "totalBytes");
  const uint64_t free = arguments.Integer(1, "freeBytes");
  const uint64_t available = arguments.Integer(2, "availableBytes");
  if (arguments.valid() && server_ != nullptr) server_->SetStatistics(total, free, available);
  return info.Env().Undefined();
}

Napi::Value Session::GetStatistics(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Server::Statistics statistics = server_ != nullptr ? server_->statistics() : last_statistics_;
  const auto number = [env](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  Napi::Object requests = Napi::Object::New(env);
  for (uint32_t opcode = 0; opcode < fuse::kOpcodes; opcode++) {
    const char* name = OpcodeName(opcode);
    if (name != nullptr && statistics.requests[opcode] > 0) requests.Set(name, number(statistics.requests[opcode]));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("requests", requests);
  object.Set("forwarded", number(statistics.forwarded));
  object.Set("passthroughOpens", number(statistics.passthrough_opens));
  object.Set("expired", number(statistics.expired));
  object.Set("readBytes", number(statistics.read_bytes));
  object.Set("writtenBytes", number(statistics.written_bytes));
  object.Set("entries", number(statistics.entries));
  return object;
}

Napi::Value Session::Unmount(const Napi::CallbackInfo& info) {
  auto deferred = Napi::Promise::Deferred::New(info.Env());
  if (server_ == nullptr) {
    deferred.Resolve(info.Env().Undefined());
  } else {
    unmounting_.push_back(deferred);
    BeginStop();
  }
  return deferred.Promise();
}

void ExportSession(Napi::Env env, Napi::Object exports) {
  exports.Set("Session", Session::Define(env));
  exports.Set("detach", Napi::Function::New(env, DetachDirectory, "detach"));
}

}  // namespace b2bmount
