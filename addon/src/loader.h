// From an object file to maps and programs in the kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "constants.h"
#include "failure.h"
#include "file_descriptor.h"

namespace kproxy {

struct Pin {
  std::string map;
  std::string path;
};

struct Capacity {
  std::string map;
  uint32_t max_entries;
};

struct LoadRequest {
  std::string path;
  std::vector<Pin> pins;
  std::vector<Constant> constants;
  std::vector<Capacity> capacities;
  std::vector<std::string> skip_programs;
};

struct Loaded {
  std::string name;
  FileDescriptor fd;
};

struct LoadedObject {
  std::vector<Loaded> maps;
  std::vector<Loaded> programs;
};

// libbpf's own object, with its copy of the file and BTF, is gone when this returns.
Result<LoadedObject> LoadObject(const LoadRequest& request);

}  // namespace kproxy
