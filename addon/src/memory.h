// Bytes that grow in place: realloc moves large blocks by remapping pages, not by copying them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <utility>

namespace kproxy {

class Memory {
 public:
  Memory() = default;
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Memory() { free(data_); }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Contents up to the smaller size stay; new bytes are not initialised. False: out of memory.
  bool Resize(size_t size) {
    if (size == 0) {
      free(std::exchange(data_, nullptr));
    } else {
      void* grown = realloc(data_, size);
      if (grown == nullptr) return false;
      data_ = static_cast<uint8_t*>(grown);
    }
    size_ = size;
    return true;
  }

  // The caller frees it.
  uint8_t* Release() {
    size_ = 0;
    return std::exchange(data_, nullptr);
  }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kproxy
