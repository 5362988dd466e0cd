// SPDX-License-Identifier: Apache-2.0
// Parts shared by the roles of `peer`, the small server and client of the laboratory.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { kMaxPorts = 64, kNameSize = 128, kEndpointSize = 64, kDatagramSize = 2048 };

// How a client reaches its server.
enum Transport { kTcp, kUdp, kUdpConnected };

struct Options {
  const char* name;
  bool tcp;
  bool udp;
  uint16_t ports[kMaxPorts];
  int port_count;
  struct sockaddr_storage address;  // what to bind (serve) or to reach (clients)
  socklen_t address_size;
  enum Transport transport;
  bool one_socket;
  bool keep;
  long count;
  long interval_ms;
  long timeout_ms;
  long rate;
};

// One try of a client. `error` is 0 on success; `stage` says which call failed.
struct Try {
  int error;
  const char* stage;
  int64_t microseconds;
  char server[kNameSize];
  char seen[kEndpointSize];      // the client's address as the server saw it
  char local[kEndpointSize];     // getsockname
  char peername[kEndpointSize];  // getpeername
  char from[kEndpointSize];      // source of the datagram, from recvfrom
};

int Serve(const struct Options* options);
int Connect(const struct Options* options);
int Probe(const struct Options* options);
int Stream(const struct Options* options);

// Says what went wrong on stderr and exits with 2.
void Die(const char* format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// Opens a socket for the target's family and transport. With TCP, closing it sends a reset, so that
// many tries do not fill the machine with sockets in TIME_WAIT.
int OpenClient(const struct Options* options);
// Connects within the timeout; an errno value or 0.
int ConnectWithin(int socket, const struct Options* options);
// Waits until `socket` is readable; ETIMEDOUT or 0.
int AwaitReadable(int socket, long timeout_ms);
// One whole try on `socket`, or on a socket of its own with -1.
void TryOnce(const struct Options* options, int socket, struct Try* result);

// "address:port", IPv6 in brackets, v4-mapped as the kernel shows it.
void FormatEndpoint(const struct sockaddr_storage* address, char* text, size_t size);
// ECONNREFUSED and the like.
const char* ErrnoName(int error);
int64_t NowMicroseconds(void);
// False once stdin has ended or SIGTERM or SIGINT came; sleeps for at most `microseconds`.
bool SleepUnlessStopped(int64_t microseconds);
void CatchStopSignals(void);
bool Stopped(void);
