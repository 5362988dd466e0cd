// Reading a whole map: batches where the kernel has them, key by key where not.
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

#include "batch.h"

namespace kproxy {

namespace {

// One batch fills about this much: large enough that system calls do not count, small enough that
// a nearly empty map costs little.
constexpr size_t kBatchBytes = 1 << 20;

bool Reserve(Entries* entries, const MapShape& shape, size_t count) {
  const size_t keys = count * shape.key_size;
  const size_t values = count * shape.value_bytes;
  if (keys <= entries->keys.size() && values <= entries->values.size()) return true;
  return entries->keys.Resize(std::max(keys, entries->keys.size() * 2)) &&
         entries->values.Resize(std::max(values, entries->values.size() * 2));
}

bool Trim(Entries* entries, const MapShape& shape) {
  return entries->keys.Resize(static_cast<size_t>(entries->count) * shape.key_size) &&
         entries->values.Resize(entries->count * shape.value_bytes);
}

// The kernel walks whole buckets under their lock, so nothing appears twice.
int CollectByBatch(int fd, const MapShape& shape, Entries* entries) {
  // The cursor is a bucket number for hashes and a key for everything else.
  std::vector<uint8_t> cursor(std::max<size_t>(shape.key_size, sizeof(uint64_t)));
  std::vector<uint8_t> next(cursor.size());
  bool first = true;
  size_t step = std::clamp<size_t>(kBatchBytes / (shape.key_size + shape.value_bytes), 16, 8192);
  step = std::min<size_t>(step, std::max<uint32_t>(shape.max_entries, 1));
  const size_t largest_step = 2 * static_cast<size_t>(shape.max_entries) + 64;
  for (;;) {
    if (!Reserve(entries, shape, entries->count + step)) return ENOMEM;
    uint32_t found = step;
    const int result = bpf_map_lookup_batch(
        fd, first ? nullptr : cursor.data(), next.data(),
        entries->keys.data() + static_cast<size_t>(entries->count) * shape.key_size,
        entries->values.data() + entries->count * shape.value_bytes, &found, nullptr);
    const int error = result == 0 ? 0 : errno;
    if (error == ENOSPC && step < largest_step) {
      step =
          std::min(step * 2, largest_step);  // one bucket holds more than a batch: same place again
      continue;
    }
    if (error != 0 && error != ENOENT) return error;
    entries->count += found;
    if (error == ENOENT) return 0;
    std::swap(cursor, next);
    first = false;
  }
}

// If the current key is deleted meanwhile the kernel starts over, so keys are remembered.
int CollectByKey(int fd, const MapShape& shape, Entries* entries) {
  std::unordered_set<std::string> seen;
  std::vector<uint8_t> key(shape.key_size);
  std::vector<uint8_t> next(shape.key_size);
  // A walk that is thrown back again and again ends here; each round may see all keys.
  size_t repeats = 16 * static_cast<size_t>(shape.max_entries) + 64;
  for (bool first = true;; first = false) {
    if (bpf_map_get_next_key(fd, first ? nullptr : key.data(), next.data()) != 0) {
      return errno == ENOENT ? 0 : errno;
    }
    std::swap(key, next);
    if (!seen.emplace(key.begin(), key.end()).second) {
      if (repeats-- == 0) return EAGAIN;
      continue;
    }
    if (!Reserve(entries, shape, entries->count + 1)) return ENOMEM;
    uint8_t* value = entries->values.data() + entries->count * shape.value_bytes;
    if (bpf_map_lookup_elem(fd, key.data(), value) != 0) {
      if (errno == ENOENT) continue;
      return errno;
    }
    memcpy(entries->keys.data() + static_cast<size_t>(entries->count) * shape.key_size, key.data(),
           shape.key_size);
    entries->count++;
  }
}

}  // namespace

int CollectEntries(int fd, const MapShape& shape, Entries* entries) {
  if (shape.key_size == 0) return ENOTSUP;  // queues, ring buffers: nothing to iterate over
  int error = CollectByBatch(fd, shape, entries);
  // EINTR: kernels before 6.14 give up on a trie that changes under the walk.
  if (error == EINVAL || error == EOPNOTSUPP || error == 524 || error == EINTR) {
    entries->count = 0;
    error = CollectByKey(fd, shape, entries);
  }
  if (error != 0) return error;
  return Trim(entries, shape) ? 0 : ENOMEM;
}

}  // namespace kproxy
