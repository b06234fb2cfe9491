// `Session` and `detach()` of index.d.ts: a Server as JavaScript sees it.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "server.h"
#include "thread.h"

namespace b2bmount {

// Lives on the JavaScript thread. Other threads do nothing but ring the doorbell, a thread-safe function that carries
// no data: what there is to say waits in the server's RequestQueue.
//
//   mounted --unmount(), or the mount is gone--> stopping (a thread of ours) --> stopped
//
// The end of the environment (process.exit, the end of a worker) stops it, too, on the spot.
class Session : public Napi::ObjectWrap<Session> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Session(const Napi::CallbackInfo& info);
  ~Session() override;

 private:
  using Kind = RequestQueue::Kind;

  Napi::Value GetProtocol(const Napi::CallbackInfo& info);
  Napi::Value ReplyError(const Napi::CallbackInfo& info);
  Napi::Value ReplyEntry(const Napi::CallbackInfo& info);
  Napi::Value ReplyNoEntry(const Napi::CallbackInfo& info);
  Napi::Value ReplyAttributes(const Napi::CallbackInfo& info);
  Napi::Value ReplyListing(const Napi::CallbackInfo& info);
  Napi::Value OfferListing(const Napi::CallbackInfo& info);
  Napi::Value HoldsListing(const Napi::CallbackInfo& info);
  Napi::Value IsPassedThrough(const Napi::CallbackInfo& info);
  Napi::Value ReplyOpen(const Napi::CallbackInfo& info);
  Napi::Value ReplyCreate(const Napi::CallbackInfo& info);
  Napi::Value ReplyDone(const Napi::CallbackInfo& info);
  Napi::Value ReplyBytes(const Napi::CallbackInfo& info);
  Napi::Value AddContent(const Napi::CallbackInfo& info);
  Napi::Value ContentPresent(const Napi::CallbackInfo& info);
  Napi::Value ContentDirty(const Napi::CallbackInfo& info);
  Napi::Value ContentVerified(const Napi::CallbackInfo& info);
  Napi::Value DropContent(const Napi::CallbackInfo& info);
  Napi::Value InvalidateEntry(const Napi::CallbackInfo& info);
  Napi::Value Announce(const Napi::CallbackInfo& info);
  Napi::Value InvalidateAttributes(const Napi::CallbackInfo& info);
  Napi::Value InvalidateContent(const Napi::CallbackInfo& info);
  Napi::Value InvalidateAll(const Napi::CallbackInfo& info);
  Napi::Value SetStatistics(const Napi::CallbackInfo& info);
  Napi::Value GetStatistics(const Napi::CallbackInfo& info);
  Napi::Value Unmount(const Napi::CallbackInfo& info);

  // True: `id` is a waiting request of this kind. False: nothing to do, or an exception is pending.
  bool Expect(Napi::Env env, uint64_t id, std::initializer_list<Kind> kinds) const;
  std::shared_ptr<Content> ContentArgument(const Napi::CallbackInfo& info) const;

  void Ring();
  void Deliver(Napi::Env env, Napi::Function on_requests);
  // @returns whether there is more
  bool DeliverSome(Napi::Env env, Napi::Function on_requests);
  void BeginStop();
  void FinishStop(Napi::Env env, Napi::Function on_requests);
  static void OnEnvironmentEnd(void* session);

  std::unique_ptr<Server> server_;  // null once stopped
  Protocol protocol_;
  Server::Statistics last_statistics_{};
  Napi::ThreadSafeFunction doorbell_;
  std::atomic<bool> gone_{false};
  bool stopping_ = false;
  Thread stopper_;
  std::optional<MountError> stop_error_;  // written by the stopper, read after its end
  std::vector<Napi::Promise::Deferred> unmounting_;
};

void ExportSession(Napi::Env env, Napi::Object exports);

}  // namespace b2bmount
