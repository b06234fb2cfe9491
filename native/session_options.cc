#include "session_options.h"

#include <cmath>
#include <limits>
#include <string>

#include "arguments.h"

namespace b2bmount {
namespace {

// The properties of SessionOptions in index.d.ts. After the first that is wrong an exception is pending.
class OptionReader {
 public:
  OptionReader(Napi::Env env, Napi::Object options) : env_(env), options_(options) {}

  bool valid() const { return valid_; }

  std::string Text(const char* name) {
    if (!valid_) return {};
    const Napi::Value value = options_.Get(name);
    if (value.IsString()) {
      std::string text = value.As<Napi::String>().Utf8Value();
      if (!text.empty() && text.find('\0') == std::string::npos) return text;
    }
    Refuse(name, "a string, not empty");
    return {};
  }

  bool Boolean(const char* name) {
    if (!valid_) return false;
    const Napi::Value value = options_.Get(name);
    if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
    Refuse(name, "a boolean");
    return false;
  }

  double Number(const char* name, double smallest, double largest) {
    if (!valid_) return smallest;
    const Napi::Value value = options_.Get(name);
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::numeric_limits<double>::quiet_NaN();
    if (number >= smallest && number <= largest) return number;
    Refuse(name, "a number from " + std::to_string(smallest) + " to " + std::to_string(largest));
    return smallest;
  }

 private:
  void Refuse(const char* name, const std::string& expected) {
    valid_ = false;
    ThrowTypeError(env_, std::string("options.") + name + " must be " + expected);
  }

  const Napi::Env env_;
  const Napi::Object options_;
  bool valid_ = true;
};

}  // namespace

bool ReadOptions(Napi::Env env, Napi::Object object, SessionOptions* options) {
  constexpr double kMaxId = 4294967294.0;
  constexpr double kYear = 366.0 * 24 * 3600;
  OptionReader reader(env, object);
  MountOptions& mount = options->mount;
  ServerOptions& server = options->server;
  mount.directory = reader.Text("directory");
  mount.source = reader.Text("source");
  mount.subtype = reader.Text("subtype");
  server.read_only = reader.Boolean("readOnly");
  mount.allow_other = reader.Boolean("allowOther");
  mount.uid = server.owner.uid = static_cast<uint32_t>(reader.Number("uid", 0, kMaxId));
  mount.gid = server.owner.gid = static_cast<uint32_t>(reader.Number("gid", 0, kMaxId));
  server.passthrough = reader.Boolean("passthrough");
  const double timeout = reader.Number("timeoutSeconds", 0, kYear);
  server.validity.seconds = static_cast<uint64_t>(timeout);
  server.validity.nanoseconds = static_cast<uint32_t>((timeout - std::floor(timeout)) * 1e9);
  server.deadline_milliseconds = static_cast<int64_t>(reader.Number("deadlineMilliseconds", 1, kYear * 1000));
  server.max_entries = static_cast<size_t>(reader.Number("maxEntries", 0, 1e9));
  server.largest_file = static_cast<uint64_t>(reader.Number("largestFile", 0, kMaxSafeInteger));
  return reader.valid();
}

}  // namespace b2bmount
