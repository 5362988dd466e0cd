// An array map in this process's memory (BPF_F_MMAPABLE).
#pragma once

#include <napi.h>

namespace kproxy {

// openMapping(map)
Napi::Value OpenMapping(const Napi::CallbackInfo& info);
// storeElements(mapping, index, bytes)
Napi::Value StoreElements(const Napi::CallbackInfo& info);
// loadElements(mapping, index, count): Uint8Array
Napi::Value LoadElements(const Napi::CallbackInfo& info);

}  // namespace kproxy
