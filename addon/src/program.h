// A loaded program.
#pragma once

#include <napi.h>

namespace kproxy {

Napi::Value OpenProgram(const Napi::CallbackInfo& info);
Napi::Value ProgramInfo(const Napi::CallbackInfo& info);
// testRun(program, data, repeat, context | undefined): { returnValue, dataOut, durationNs }
Napi::Value TestRun(const Napi::CallbackInfo& info);

}  // namespace kproxy
