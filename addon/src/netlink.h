// A socket to the kernel's routing tables (rtnetlink(7)) of the caller's network namespace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "file_descriptor.h"

struct nlmsghdr;

namespace kproxy {

// Closed with errno set where there is none. `groups`: RTMGRP_* to be told of.
FileDescriptor OpenRouteSocket(int flags, uint32_t groups);

// Asks for everything of a kind and hands over each message of the answer.
// Returns 0 or an errno; EINTR where the tables changed meanwhile and the answer may have holes.
int Dump(int fd, uint16_t type, const std::function<void(const nlmsghdr&)>& take);

}  // namespace kproxy
