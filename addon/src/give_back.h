// Memory that this process holds and does not need.
#pragma once

#include <napi.h>

namespace kproxy {

// trimHeap()
Napi::Value TrimHeap(const Napi::CallbackInfo& info);
// releaseProgramPages(): bytes of the program file that are mapped without being writable
Napi::Value ReleaseProgramPages(const Napi::CallbackInfo& info);

}  // namespace kproxy
