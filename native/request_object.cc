#include "request_object.h"

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
  set_number("id", id);
  switch (request.kind) {
    case Kind::kLookup:
      set_text("op", "lookup");
      set_number("parent", request.node);
      set_text("name", request.name);
      set_number("pid", request.pid);
      set_number("uid", request.uid);
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
      set_number("pid", request.pid);
      set_number("uid", request.uid);
      break;
    case Kind::kRead:
      set_text("op", "read");
      set_number("handle", request.handle);
      set_number("start", request.offset);
      set_number("end", request.end);
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
