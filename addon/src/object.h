// Loading an object file, as JavaScript sees it.
#pragma once

#include <napi.h>

namespace kproxy {

// loadObject(path, pins, constants, maxEntries, skipPrograms):
//   { maps: [name, handle][], programs: [name, handle][] }
Napi::Value LoadObjectFile(const Napi::CallbackInfo& info);

}  // namespace kproxy
