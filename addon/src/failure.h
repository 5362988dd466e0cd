// What went wrong, as plain data, and its way into a JavaScript BpfError.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kproxy {

// Plain, so that a worker thread can make one.
struct Failure {
  int error = 0;               // errno, positive; may be 524, the kernel's own ENOTSUPP
  std::string operation = {};  // "update", "pin", "load"
  std::string subject = {};    // the map, program or path
  std::string detail = {};     // what errno does not say; may be empty
  std::string verifier_log = {};
  std::optional<uint32_t> completed = {};  // batches: leading entries that were done
};

template <typename T>
using Result = std::variant<T, Failure>;

// Per environment: Node may load the addon once for each of its threads.
struct Instance {
  Napi::FunctionReference error_class;
};

Napi::Value ToError(Napi::Env env, const Failure& failure);

// Leaves the exception pending; the caller returns the value at once.
Napi::Value Throw(Napi::Env env, const Failure& failure);

// setErrorClass(errorClass): BpfError is made in TypeScript and used from here.
Napi::Value SetErrorClass(const Napi::CallbackInfo& info);

}  // namespace kproxy
