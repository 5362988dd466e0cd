// Batches on the thread pool.
#pragma once

#include <napi.h>

namespace kproxy {

// updateBatch(map, keys, values): Promise<void>
Napi::Value UpdateBatch(const Napi::CallbackInfo& info);
// deleteBatch(map, keys): Promise<number>
Napi::Value DeleteBatch(const Napi::CallbackInfo& info);
// entries(map): Promise<{ keys, values, count }>
Napi::Value ReadEntries(const Napi::CallbackInfo& info);

}  // namespace kproxy
