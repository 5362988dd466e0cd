// Sockets by sock_diag(7).
#pragma once

#include <napi.h>

namespace kproxy {

// destroySockets(requests, netnsPath | ''): Promise<Uint8Array>
Napi::Value DestroySockets(const Napi::CallbackInfo& info);

}  // namespace kproxy
