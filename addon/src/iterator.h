// BPF iterators: programs that the kernel runs once for each of its objects of a kind.
#pragma once

#include <napi.h>

namespace kproxy {

// runIterator(program, map | undefined, netnsPath | ''): Promise<Uint8Array>
Napi::Value RunIterator(const Napi::CallbackInfo& info);

}  // namespace kproxy
