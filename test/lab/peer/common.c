// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

static volatile sig_atomic_t stopped;

static void OnStop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

void CatchStopSignals(void) {
  const struct sigaction action = {.sa_handler = OnStop};  // no SA_RESTART: poll() must return
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
}

bool Stopped(void) { return stopped != 0; }

int64_t NowMicroseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool SleepUnlessStopped(int64_t microseconds) {
  const int64_t deadline = NowMicroseconds() + microseconds;
  while (!stopped) {
    const int64_t left = deadline - NowMicroseconds();
    const struct timespec wait = {.tv_sec = left > 0 ? left / 1000000 : 0,
                                  .tv_nsec = left > 0 ? left % 1000000 * 1000 : 0};
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (ppoll(&input, 1, &wait, NULL) <= 0) {
      if (left <= 0) return !stopped;
      continue;
    }
    char buffer[256];
    if (read(STDIN_FILENO, buffer, sizeof(buffer)) <= 0) stopped = 1;
  }
  return false;
}

void FormatEndpoint(const struct sockaddr_storage* address, char* text, size_t size) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in* ipv4 = (const struct sockaddr_in*)address;
    inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof(host));
    snprintf(text, size, "%s:%u", host, ntohs(ipv4->sin_port));
  } else {
    const struct sockaddr_in6* ipv6 = (const struct sockaddr_in6*)address;
    inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof(host));
    snprintf(text, size, "[%s]:%u", host, ntohs(ipv6->sin6_port));
  }
}

const char* ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name != NULL ? name : "EUNKNOWN";
}
