#include "give_back.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "failure.h"

namespace kproxy {

namespace {

struct Closer {
  void operator()(FILE* file) const { fclose(file); }
};

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

std::string ProgramPath() {
  std::array<char, 4096> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return size < 0 ? std::string() : std::string(path.data());
}

// The first line of a mapping in smaps (proc(5)), if it is of the program and cannot be written.
std::optional<Mapping> ParseMapping(const char* line, const std::string& program) {
  Mapping mapping;
  std::array<char, 5> permissions{};
  int path = 0;
  if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n", &mapping.begin, &mapping.end,
             permissions.data(), &path) != 3 ||
      permissions[1] == 'w' || program + "\n" != line + path) {
    return std::nullopt;
  }
  return mapping;
}

}  // namespace

Napi::Value TrimHeap(const Napi::CallbackInfo& info) {
  malloc_trim(0);
  return info.Env().Undefined();
}

Napi::Value ReleaseProgramPages(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto fail = [&](const char* operation, const char* subject) {
    return Throw(env, {errno, operation, subject});
  };
  const std::string program = ProgramPath();
  const std::unique_ptr<FILE, Closer> smaps(fopen("/proc/self/smaps", "re"));
  if (program.empty() || smaps == nullptr) return fail("read", "/proc/self");
  size_t released = 0;
  std::optional<Mapping> mapping;
  std::array<char, 8192> line{};
  while (fgets(line.data(), line.size(), smaps.get()) != nullptr) {
    size_t anonymous = 0;
    if (strchr(line.data(), '-') != nullptr && strstr(line.data(), " kB\n") == nullptr) {
      mapping = ParseMapping(line.data(), program);
    } else if (mapping && sscanf(line.data(), "Anonymous: %zu", &anonymous) == 1) {
      // Other pages than those of the file, such as relocations, breakpoints and what
      // --use-largepages puts there, would be lost.
      if (anonymous == 0) {
        const size_t size = mapping->end - mapping->begin;
        if (madvise(reinterpret_cast<void*>(mapping->begin), size, MADV_DONTNEED) != 0) {
          return fail("madvise", program.c_str());
        }
        released += size;
      }
      mapping.reset();
    }
  }
  return Napi::Number::New(env, static_cast<double>(released));
}

}  // namespace kproxy
