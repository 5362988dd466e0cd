#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "arguments.h"
#include "map.h"

namespace kproxy {

namespace {

// A mapping of an array map is resident as soon as it is made, used or not. So address space is
// reserved for the whole array, and the array is mapped into it window by window as it is touched:
// an arena sized for the largest node costs a small node only what it uses.
constexpr size_t kWindow = 1 << 20;

struct Mapping : Resource {
  Mapping(uint64_t* words, size_t bytes, uint32_t elements, size_t stride, int fd,
          std::string subject)
      : words(words),
        bytes(bytes),
        elements(elements),
        stride(stride),
        fd(fd),
        subject(std::move(subject)),
        mapped((bytes + kWindow - 1) / kWindow) {}
  ~Mapping() override { Close(); }
  void Close() override {
    if (words == nullptr) return;
    munmap(std::exchange(words, nullptr), bytes);
    close(fd);
  }
  bool IsOpen() const override { return words != nullptr; }

  // Makes the bytes [begin, end) accessible. Returns 0 or an errno.
  int Touch(size_t begin, size_t end) {
    for (size_t window = begin / kWindow; window * kWindow < end; window++) {
      if (mapped[window]) continue;
      const size_t offset = window * kWindow;
      const size_t size = std::min(kWindow, bytes - offset);
      void* at = reinterpret_cast<uint8_t*>(words) + offset;
      void* memory = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                          static_cast<off_t>(offset));
      if (memory == MAP_FAILED) return errno;
      mapped[window] = true;
    }
    return 0;
  }

  uint64_t* words;
  size_t bytes;
  uint32_t elements;
  size_t stride;
  int fd;
  std::string subject;
  std::vector<bool> mapped;
};

Napi::Value OutOfRange(Napi::Env env) {
  Napi::TypeError::New(env, "the elements are not inside of the array")
      .ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

Napi::Value OpenMapping(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const size_t stride = (static_cast<size_t>(map->shape.value_size) + 7) / 8 * 8;
  const size_t bytes = stride * map->shape.max_entries;
  if (bytes == 0) return Throw(env, {ENOTSUP, "mmap", map->subject, "the map has no elements"});
  // Fails now, and not at some later store, where the map cannot be mapped at all.
  void* probe =
      mmap(nullptr, std::min(bytes, kWindow), PROT_READ | PROT_WRITE, MAP_SHARED, map->fd.get(), 0);
  if (probe == MAP_FAILED) return Throw(env, {errno, "mmap", map->subject});
  munmap(probe, std::min(bytes, kWindow));
  void* memory =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return Throw(env, {errno, "mmap", map->subject});
  const int fd = fcntl(map->fd.get(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) {
    const int error = errno;
    munmap(memory, bytes);
    return Throw(env, {error, "mmap", map->subject});
  }
  return Wrap(env, std::make_unique<Mapping>(static_cast<uint64_t*>(memory), bytes,
                                             map->shape.max_entries, stride, fd, map->subject));
}

// Word by word with release order: a program that reads while this writes sees each word whole,
// and whatever is published afterwards (a map update is a system call) comes after all of them.
Napi::Value StoreElements(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* mapping = Unwrap<Mapping>(info, 0);
  if (mapping == nullptr) return env.Undefined();
  const uint32_t index = Unsigned(info[1]);
  const View view = Bytes(info[2]);
  const size_t count = view.size / mapping->stride;
  if (view.size % mapping->stride != 0 || index > mapping->elements ||
      count > mapping->elements - index) {
    return OutOfRange(env);
  }
  const size_t begin = index * mapping->stride;
  const int error = mapping->Touch(begin, begin + view.size);
  if (error != 0) return Throw(env, {error, "mmap", mapping->subject});
  uint64_t* target = mapping->words + index * (mapping->stride / sizeof(uint64_t));
  for (size_t at = 0; at < view.size; at += sizeof(uint64_t), target++) {
    uint64_t word;
    memcpy(&word, view.data + at, sizeof(word));
    std::atomic_ref(*target).store(word, std::memory_order_release);
  }
  return env.Undefined();
}

Napi::Value LoadElements(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* mapping = Unwrap<Mapping>(info, 0);
  if (mapping == nullptr) return env.Undefined();
  const uint32_t index = Unsigned(info[1]);
  const uint32_t count = Unsigned(info[2]);
  if (index > mapping->elements || count > mapping->elements - index) return OutOfRange(env);
  const size_t begin = index * mapping->stride;
  const int error = mapping->Touch(begin, begin + count * mapping->stride);
  if (error != 0) return Throw(env, {error, "mmap", mapping->subject});
  auto result = Napi::Uint8Array::New(env, count * mapping->stride);
  if (result.IsEmpty()) return env.Undefined();
  uint64_t* source = mapping->words + index * (mapping->stride / sizeof(uint64_t));
  uint8_t* target = result.Data();
  for (size_t at = 0; at < count * mapping->stride; at += sizeof(uint64_t), source++) {
    const uint64_t word = std::atomic_ref(*source).load(std::memory_order_acquire);
    memcpy(target + at, &word, sizeof(word));
  }
  return result;
}

}  // namespace kproxy
