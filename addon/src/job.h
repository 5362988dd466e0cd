// Work for the thread pool that settles a promise.
#pragma once

#include <napi.h>

#include <optional>

#include "failure.h"

namespace kproxy {

// A job owns plain data alone: Run() is on another thread and must not see a Node-API value.
class Job : public Napi::AsyncWorker {
 public:
  // Starts the job, which deletes itself when it is done.
  static Napi::Promise Start(Job* job) {
    const Napi::Promise promise = job->deferred_.Promise();
    job->Queue();
    return promise;
  }

 protected:
  explicit Job(Napi::Env env, const char* name)
      : Napi::AsyncWorker(env, name), deferred_(Napi::Promise::Deferred::New(env)) {}

  virtual std::optional<Failure> Run() = 0;
  virtual Napi::Value Value(Napi::Env env) = 0;

 private:
  void Execute() final { failure_ = Run(); }

  void OnOK() final {
    if (failure_) {
      deferred_.Reject(ToError(Env(), *failure_));
      return;
    }
    Napi::Value value = Value(Env());
    if (Env().IsExceptionPending()) {
      deferred_.Reject(Env().GetAndClearPendingException().Value());
      return;
    }
    deferred_.Resolve(value);
  }

  Napi::Promise::Deferred deferred_;
  std::optional<Failure> failure_;
};

}  // namespace kproxy
