// Work inside another network namespace.
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <string>

#include "failure.h"

namespace kproxy {

// Runs `work` in the network namespace at `path`, on a thread that was made for it and ends with
// it: whatever happens, no other thread is ever in a foreign namespace. Without a path `work` runs
// here.
std::optional<Failure> RunInNetns(const std::string& path,
                                  const std::function<std::optional<Failure>()>& work);

// netnsCookie(): bigint
Napi::Value NetnsCookie(const Napi::CallbackInfo& info);
// netnsCookieAt(path): Promise<bigint>
Napi::Value NetnsCookieAt(const Napi::CallbackInfo& info);

}  // namespace kproxy
