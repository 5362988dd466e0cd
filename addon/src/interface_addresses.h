// The addresses that the interfaces of the caller's network namespace have.
#pragma once

#include <napi.h>

namespace kproxy {

// interfaceAddresses(): objects, in the kernel's order
Napi::Value InterfaceAddresses(const Napi::CallbackInfo& info);

}  // namespace kproxy
