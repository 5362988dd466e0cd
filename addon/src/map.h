// A map: its shape, and operations on one element.
#pragma once

#include <napi.h>

#include <cstdint>

#include "handle.h"

namespace kproxy {

// What the kernel will read and write through our pointers.
struct MapShape {
  uint32_t type = 0;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  size_t value_bytes = 0;  // per-CPU maps: 8-byte aligned and once for each possible CPU
};

struct Map : Handle {
  Map(FileDescriptor fd, std::string subject, MapShape shape)
      : Handle(std::move(fd), std::move(subject)), shape(shape) {}
  MapShape shape;
};

// Asks the kernel for the shape. An empty `subject` stands for the kernel's name of the map.
Result<std::unique_ptr<Map>> MakeMap(FileDescriptor fd, std::string subject);

Napi::Value OpenMap(const Napi::CallbackInfo& info);
Napi::Value MapInfo(const Napi::CallbackInfo& info);
Napi::Value MapMemory(const Napi::CallbackInfo& info);
Napi::Value LookupElement(const Napi::CallbackInfo& info);
Napi::Value UpdateElement(const Napi::CallbackInfo& info);
Napi::Value DeleteElement(const Napi::CallbackInfo& info);

}  // namespace kproxy
