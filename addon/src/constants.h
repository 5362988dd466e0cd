// `const volatile` globals: the verifier knows their values and removes the branches not taken.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failure.h"

namespace kproxy {

struct Constant {
  std::string name;
  uint64_t value;  // two's complement when negative
  bool negative;
};

// Between open and load; afterwards the section is read-only.
std::optional<Failure> SetConstants(bpf_object* object, const std::vector<Constant>& constants,
                                    const std::string& path);

}  // namespace kproxy
