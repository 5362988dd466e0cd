// SPDX-License-Identifier: Apache-2.0
// One try of a client: connect or send, read the server's name, note every address on the way.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

int OpenClient(const struct Options* options) {
  const int type = options->transport == kTcp ? SOCK_STREAM : SOCK_DGRAM;
  const int fd = socket(options->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) Die("socket: %s", ErrnoName(errno));
  if (options->transport == kTcp) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  return fd;
}

static int Await(int fd, short events, long timeout_ms) {
  const int64_t deadline = NowMicroseconds() + timeout_ms * 1000;
  for (;;) {
    const int64_t left = (deadline - NowMicroseconds() + 999) / 1000;
    struct pollfd item = {.fd = fd, .events = events};
    const int count = poll(&item, 1, left > 0 ? (int)left : 0);
    if (count > 0) return 0;
    if (count == 0 && left <= 0) return ETIMEDOUT;
    if (count < 0 && errno != EINTR) return errno;
  }
}

int AwaitReadable(int fd, long timeout_ms) { return Await(fd, POLLIN, timeout_ms); }

int ConnectWithin(int fd, const struct Options* options) {
  if (connect(fd, (const struct sockaddr*)&options->address, options->address_size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  int error = Await(fd, POLLOUT, options->timeout_ms);
  if (error != 0) return error;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static void NoteAddresses(int fd, struct Try* result) {
  struct sockaddr_storage address;
  socklen_t size = sizeof(address);
  if (getsockname(fd, (struct sockaddr*)&address, &size) == 0)
    FormatEndpoint(&address, result->local, sizeof(result->local));
  size = sizeof(address);
  if (getpeername(fd, (struct sockaddr*)&address, &size) == 0)
    FormatEndpoint(&address, result->peername, sizeof(result->peername));
}

// Reads "NAME CLIENT\n".
static bool ParseGreeting(const char* text, struct Try* result) {
  return strchr(text, '\n') != NULL &&
         sscanf(text, "%127s %63s", result->server, result->seen) == 2;
}

static int Receive(int fd, const struct Options* options, struct Try* result) {
  char buffer[kDatagramSize] = "";
  size_t filled = 0;
  while (filled < sizeof(buffer) - 1) {
    const int error = AwaitReadable(fd, options->timeout_ms);
    if (error != 0) return error;
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof(from);
    const ssize_t length = recvfrom(fd, buffer + filled, sizeof(buffer) - 1 - filled, 0,
                                    (struct sockaddr*)&from, &size);
    if (length < 0) return errno;
    if (length == 0) return EPIPE;
    filled += (size_t)length;
    buffer[filled] = '\0';
    if (options->transport != kTcp) FormatEndpoint(&from, result->from, sizeof(result->from));
    if (ParseGreeting(buffer, result)) return 0;
    if (options->transport != kTcp) return EPROTO;
  }
  return EPROTO;
}

static int SendOne(int fd, const struct Options* options) {
  static const char kPing[] = "ping\n";
  const ssize_t sent =
      options->transport == kUdp
          ? sendto(fd, kPing, sizeof(kPing) - 1, 0, (const struct sockaddr*)&options->address,
                   options->address_size)
          : send(fd, kPing, sizeof(kPing) - 1, MSG_NOSIGNAL);
  return sent < 0 ? errno : 0;
}

static int Exchange(int fd, bool connected, const struct Options* options, struct Try* result) {
  const int64_t start = NowMicroseconds();
  int error = 0;
  result->stage = "connect";
  if (options->transport != kUdp && !connected) error = ConnectWithin(fd, options);
  result->microseconds = NowMicroseconds() - start;
  if (error != 0) return error;
  NoteAddresses(fd, result);
  if (options->transport != kTcp) {
    result->stage = "send";
    error = SendOne(fd, options);
    result->microseconds = NowMicroseconds() - start;
    if (error != 0) return error;
  }
  result->stage = "receive";
  error = Receive(fd, options, result);
  if (options->transport != kTcp || error != 0) result->microseconds = NowMicroseconds() - start;
  return error;
}

void TryOnce(const struct Options* options, int fd, struct Try* result) {
  *result = (struct Try){.stage = ""};
  const int used = fd >= 0 ? fd : OpenClient(options);
  struct sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  const bool connected = fd >= 0 && getpeername(fd, (struct sockaddr*)&peer, &size) == 0;
  result->error = Exchange(used, connected, options, result);
  if (fd < 0) close(used);
}
