// Memory on its way into JavaScript.
#pragma once

#include <napi.h>

#include <cstring>
#include <utility>

#include "memory.h"

namespace kproxy {

// Hands the memory over without a copy where the engine allows memory of others.
inline Napi::Value ToUint8Array(Napi::Env env, Memory memory) {
  const size_t size = memory.size();
  if (size > 0) {
    napi_value buffer;
    const auto release = [](node_api_basic_env, void* data, void*) { free(data); };
    if (napi_create_external_arraybuffer(env, memory.data(), size, release, nullptr, &buffer) ==
        napi_ok) {
      memory.Release();
      return Napi::Uint8Array::New(env, size, Napi::ArrayBuffer(env, buffer), 0);
    }
  }
  auto copy = Napi::Uint8Array::New(env, size);
  if (!copy.IsEmpty() && size > 0) memcpy(copy.Data(), memory.data(), size);
  return copy;
}

}  // namespace kproxy
