// Operations on many elements, on plain data: they run on any thread.
#pragma once

#include <cstdint>

#include "map.h"
#include "memory.h"

namespace kproxy {

struct Outcome {
  int error = 0;           // errno; 0: everything was done
  uint32_t completed = 0;  // leading entries that were done, whatever the error
};

struct Entries {
  Memory keys;
  Memory values;
  uint32_t count = 0;
};

Outcome UpdateAll(int fd, const MapShape& shape, const uint8_t* keys, const uint8_t* values,
                  uint32_t count);

// Missing keys count as completed and not as deleted.
Outcome DeleteAll(int fd, const MapShape& shape, const uint8_t* keys, uint32_t count,
                  uint32_t* deleted);

// Every entry that is there from beginning to end, once; one that comes or goes meanwhile, perhaps.
int CollectEntries(int fd, const MapShape& shape, Entries* entries);

}  // namespace kproxy
