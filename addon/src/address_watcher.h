// Tells JavaScript that the addresses of interfaces changed.
#pragma once

#include <napi.h>

namespace kproxy {

// watchAddresses(callback): handle
Napi::Value WatchAddresses(const Napi::CallbackInfo& info);

}  // namespace kproxy
