#include "request_object.h"

#include <optional>
#include <string>

namespace b2bmount {
namespace {

// The `op` of a request and its properties (index.d.ts).
Napi::Object ToObject(Napi::Env env, uint64_t id, const RequestQueue::Request& request) {
  using Kind = RequestQueue::Kind;
  Napi::Object object = Napi::Object::New(env);
  const auto set_number = [&](const char* name, uint64_t number) {
    object.Set(name, Napi::Number::New(env, static_cast<double>(number)));
  };
  const auto set_text = [&](const char* name, const std::string& text) {
    object.Set(name, Napi::String::New(env, text));
  };
  const auto set_optional = [&](const char* name, const auto& number) {
    object.Set(name, number ? Napi::Number::New(env, static_cast<double>(*number)) : env.Undefined());
  };
  const auto set_place = [&] {
    set_number("parent", request.node);
    set_text("name", request.name);
  };
  const auto set_caller = [&] {
    set_number("pid", request.pid);
    set_number("uid", request.uid);
  };
  set_number("id", id);
  switch (request.kind) {
    case Kind::kLookup:
      set_text("op", "lookup");
      set_place();
      set_caller();
      break;
    case Kind::kGetattr:
      set_text("op", "getattr");
      set_number("node", request.node);
      break;
    case Kind::kReaddir:
      set_text("op", "readdir");
      set_number("node", request.node);
      break;
    case Kind::kOpen:
      set_text("op", "open");
      set_number("node", request.node);
      set_number("flags", request.flags);
      set_caller();
      break;
    case Kind::kRead:
      set_text("op", "read");
      set_number("handle", request.handle);
      set_number("start", request.missing.start);
      set_number("end", request.missing.end);
      set_number("pid", request.pid);
      break;
    case Kind::kGetxattr:
      set_text("op", "getxattr");
      set_number("node", request.node);
      set_text("name", request.name);
      break;
    case Kind::kSetxattr:
      set_text("op", "setxattr");
      set_number("node", request.node);
      set_text("name", request.name);
      set_text("value", request.value);
      set_number("flags", request.flags);
      break;
    case Kind::kRemovexattr:
      set_text("op", "removexattr");
      set_number("node", request.node);
      set_text("name", request.name);
      break;
    case Kind::kCreate:
      set_text("op", "create");
      set_place();
      set_number("permissions", request.mode);
      set_optional("flags", request.opens ? std::optional(request.flags) : std::nullopt);
      set_caller();
      break;
    case Kind::kMkdir:
      set_text("op", "mkdir");
      set_place();
      set_number("permissions", request.mode);
      set_caller();
      break;
    case Kind::kUnlink:
    case Kind::kRmdir:
      set_text("op", request.kind == Kind::kUnlink ? "unlink" : "rmdir");
      set_place();
      set_caller();
      break;
    case Kind::kRename:
      set_text("op", "rename");
      set_place();
      set_number("newParent", request.new_parent);
      set_text("newName", request.new_name);
      set_number("flags", request.flags);
      set_caller();
      break;
    case Kind::kSetattr:
      set_text("op", "setattr");
      set_number("node", request.node);
      set_optional("handle", request.attributes.handle);
      set_optional("size", request.attributes.size);
      set_optional("modified", request.attributes.modified_milliseconds);
      set_optional("permissions", request.attributes.permissions);
      set_optional("owner", request.attributes.uid);
      set_optional("group", request.attributes.gid);
      object.Set("touched", Napi::Boolean::New(env, request.attributes.touched));
      set_caller();
      break;
    case Kind::kBeginWrite:
      set_text("op", "begin-write");
      set_number("handle", request.handle);
      set_number("pid", request.pid);
      break;
    case Kind::kFsync:
      set_text("op", "fsync");
      set_optional("handle", request.handle != 0 ? std::optional(request.handle) : std::nullopt);
      break;
  }
  return object;
}

}  // namespace

Napi::Object ToObject(Napi::Env env, const RequestQueue::Event& event) {
  using Type = RequestQueue::Event::Type;
  if (event.type == Type::kRequest) return ToObject(env, event.id, *event.request);
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* op, const char* what) {
    object.Set("op", Napi::String::New(env, op));
    object.Set(what, Napi::Number::New(env, static_cast<double>(event.id)));
  };
  switch (event.type) {
    case Type::kRelease:
      set("release", "handle");
      break;
    case Type::kListed:
      set("listed", "node");
      break;
    case Type::kRequest:
    case Type::kCancelled:
      set("cancelled", "id");
      break;
  }
  return object;
}

}  // namespace b2bmount
