// Reading arguments that TypeScript has validated already.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace kproxy {

struct View {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

// The bytes of a Uint8Array as they are now; empty for anything else and for a detached one. A
// subclass may lie about its length to TypeScript but not here, so sizes are compared again in C++.
inline View Bytes(const Napi::Value& value) {
  napi_typedarray_type type;
  View view;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &type, &view.size, &data, nullptr, nullptr) !=
          napi_ok ||
      type != napi_uint8_array || data == nullptr) {
    return {};
  }
  view.data = static_cast<const uint8_t*>(data);
  return view;
}

inline std::string Text(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

inline uint32_t Unsigned(const Napi::Value& value) {
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

}  // namespace kproxy
