#include "address_watcher.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "failure.h"
#include "handle.h"
#include "netlink.h"

namespace kproxy {

namespace {

// The kernel says so for each address when an interface goes away, so links need no watching:
// inet_del_ifa() and addrconf_ifdown() notify.
constexpr uint32_t kGroups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;

// What the event loop holds, until it lets go of it some time after Close().
struct Poll {
  uv_poll_t handle{};
  FileDescriptor fd;
  Napi::FunctionReference callback;
  std::unique_ptr<Napi::AsyncContext> context;
  napi_async_cleanup_hook_handle hook = nullptr;
  std::shared_ptr<Poll> self;  // while the loop holds it

  void Close() {
    auto* base = reinterpret_cast<uv_handle_t*>(&handle);
    if (!uv_is_closing(base)) uv_close(base, OnClosed);
  }

  static void OnClosed(uv_handle_t* base) {
    auto* poll = static_cast<Poll*>(base->data);
    const std::shared_ptr<Poll> self = std::move(poll->self);
    const Napi::Env env = poll->callback.Env();
    const Napi::HandleScope scope(env);
    poll->fd.Close();
    poll->callback.Reset();
    poll->context.reset();
    napi_remove_async_cleanup_hook(poll->hook);
  }

  // A thread that ends waits until its loop has let go of the handle.
  static void OnTeardown(napi_async_cleanup_hook_handle, void* data) {
    static_cast<Poll*>(data)->Close();
  }

  // What changed does not matter, and where the kernel had to drop notifications (ENOBUFS) it could
  // not be known: everything is read and forgotten.
  void Drain() const {
    char byte;
    ssize_t size;
    do {
      size = recv(fd.get(), &byte, sizeof(byte), MSG_DONTWAIT);
    } while (size >= 0 || errno == ENOBUFS || errno == EINTR);
  }

  static void OnReadable(uv_poll_t* handle, int status, int) {
    auto* poll = static_cast<Poll*>(handle->data);
    poll->Drain();
    // libuv stops at an error of the socket, such as ENOBUFS. Reading has cleared it.
    if (status < 0) uv_poll_start(handle, UV_READABLE, OnReadable);
    poll->Notify();
  }

  void Notify() const {
    const Napi::Env env = callback.Env();
    const Napi::HandleScope scope(env);
    callback.MakeCallback(env.Global(), std::initializer_list<napi_value>{}, *context);
    if (!env.IsExceptionPending()) return;
    // As with every other event: 'uncaughtException', whose handlers decide.
    napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  }
};

struct Watcher : Resource {
  explicit Watcher(std::shared_ptr<Poll> poll) : poll(std::move(poll)) {}
  ~Watcher() override { Close(); }
  // Already closed when its thread has ended.
  void Close() override {
    if (poll != nullptr && poll->self != nullptr) poll->Close();
    poll.reset();
  }
  bool IsOpen() const override { return poll != nullptr; }

  std::shared_ptr<Poll> poll;
};

}  // namespace

Napi::Value WatchAddresses(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction()) {
    Napi::TypeError::New(env, "the callback is not a function").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto fail = [&](int error) {
    return Throw(env, {error, "watch", "the addresses of interfaces"});
  };
  auto poll = std::make_shared<Poll>();
  poll->fd = OpenRouteSocket(SOCK_NONBLOCK, kGroups);
  if (!poll->fd.open()) return fail(errno);
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return fail(ENOTSUP);
  poll->callback = Napi::Persistent(info[0].As<Napi::Function>());
  poll->context = std::make_unique<Napi::AsyncContext>(env, "kproxy:addresses");
  const int error = uv_poll_init(loop, &poll->handle, poll->fd.get());
  if (error != 0) return fail(-error);
  poll->handle.data = poll.get();
  poll->self = poll;
  napi_add_async_cleanup_hook(env, Poll::OnTeardown, poll.get(), &poll->hook);
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll->handle));
  auto watcher = std::make_unique<Watcher>(poll);
  const int started = uv_poll_start(&poll->handle, UV_READABLE, Poll::OnReadable);
  if (started != 0) return fail(-started);
  return Wrap(env, std::move(watcher));
}

}  // namespace kproxy
