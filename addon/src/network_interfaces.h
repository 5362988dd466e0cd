// The interfaces of the caller's network namespace.
#pragma once

#include <napi.h>

namespace kproxy {

// networkInterfaces(): {index, name, hardwareType, up, loopback}[]
Napi::Value NetworkInterfaces(const Napi::CallbackInfo& info);

}  // namespace kproxy
