// What the agent asks of the kernel beside maps.
#pragma once

#include <napi.h>

namespace kproxy {

// membarrier(): Promise<void>
Napi::Value Membarrier(const Napi::CallbackInfo& info);
// lockFile(path): handle, or undefined when another process holds the lock
Napi::Value LockFile(const Napi::CallbackInfo& info);
// filesystemMagic(path): number
Napi::Value FilesystemMagic(const Napi::CallbackInfo& info);
// possibleCpus(): number
Napi::Value PossibleCpus(const Napi::CallbackInfo& info);

}  // namespace kproxy
