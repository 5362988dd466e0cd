#include "batch.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

namespace kproxy {

namespace {

// The command is older than the kernel, or the map type has no batches (524: the kernel's
// ENOTSUPP).
bool IsUnsupported(int error) { return error == EINVAL || error == EOPNOTSUPP || error == 524; }

// An early failure leaves the count as it was given; nothing was done then.
uint32_t Done(uint32_t reported, uint32_t asked) { return reported < asked ? reported : 0; }

}  // namespace

Outcome UpdateAll(int fd, const MapShape& shape, const uint8_t* keys, const uint8_t* values,
                  uint32_t count) {
  if (count == 0) return {};
  uint32_t done = count;
  if (bpf_map_update_batch(fd, keys, values, &done, nullptr) == 0) return {0, count};
  const int error = errno;
  done = Done(done, count);
  if (done > 0 || !IsUnsupported(error)) return {error, done};

  for (uint32_t i = 0; i < count; i++) {
    if (bpf_map_update_elem(fd, keys + static_cast<size_t>(i) * shape.key_size,
                            values + i * shape.value_bytes, BPF_ANY) != 0) {
      return {errno, i};
    }
  }
  return {0, count};
}

Outcome DeleteAll(int fd, const MapShape& shape, const uint8_t* keys, uint32_t count,
                  uint32_t* deleted) {
  *deleted = 0;
  uint32_t at = 0;
  while (at < count) {
    const uint8_t* rest = keys + static_cast<size_t>(at) * shape.key_size;
    uint32_t done = count - at;
    if (bpf_map_delete_batch(fd, rest, &done, nullptr) == 0) {
      *deleted += count - at;
      return {0, count};
    }
    const int error = errno;
    done = Done(done, count - at);
    at += done;
    *deleted += done;
    if (error == ENOENT) {
      at++;  // the batch stops at a missing key: step over it
    } else if (at == 0 && IsUnsupported(error)) {
      break;
    } else {
      return {error, at};
    }
  }
  for (; at < count; at++) {
    if (bpf_map_delete_elem(fd, keys + static_cast<size_t>(at) * shape.key_size) == 0) {
      ++*deleted;
    } else if (errno != ENOENT) {
      return {errno, at};
    }
  }
  return {0, count};
}

}  // namespace kproxy
