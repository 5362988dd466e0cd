// A program attached to a cgroup or an interface, as an object that can be pinned and updated.
#pragma once

#include <napi.h>

namespace kproxy {

// attachCgroup(program, cgroupPath, attachType)
Napi::Value AttachCgroup(const Napi::CallbackInfo& info);
Napi::Value OpenLink(const Napi::CallbackInfo& info);
Napi::Value LinkInfo(const Napi::CallbackInfo& info);
// updateLink(link, program): readers see the old program or the new one, never none.
Napi::Value UpdateLink(const Napi::CallbackInfo& info);
Napi::Value DetachLink(const Napi::CallbackInfo& info);
// cgroupPrograms(path, attachType): number[]
Napi::Value CgroupPrograms(const Napi::CallbackInfo& info);
// attachInterface(program, interfaceIndex, attachType)
Napi::Value AttachInterface(const Napi::CallbackInfo& info);
// interfacePrograms(interfaceIndex, attachType): number[]
Napi::Value InterfacePrograms(const Napi::CallbackInfo& info);

}  // namespace kproxy
