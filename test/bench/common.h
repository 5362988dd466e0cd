/* SPDX-License-Identifier: Apache-2.0 */
/* common.h - what the programs of the benchmark share: clock, pinning, errors, entering a pod. */
#ifndef KPROXY_BENCH_COMMON_H
#define KPROXY_BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Ports of build/test/bench/server in each backend pod; test/bench/rig.ts names the same ones. */
enum { PORT_ACCEPT = 8080, PORT_ECHO = 8081, PORT_NAME = 8082 };

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...) {
  int error = errno;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  if (error) fprintf(stderr, ": %s", strerror(error));
  fputc('\n', stderr);
  exit(1);
}

/* CLOCK_MONOTONIC, which is also what node's process.hrtime.bigint() reads. */
static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set)) die("cannot pin to CPU %d", cpu);
}

/* A benchmark that was killed must not leave its load behind. */
static inline void end_with_parent(void) {
  if (prctl(PR_SET_PDEATHSIG, SIGTERM)) die("prctl(PR_SET_PDEATHSIG)");
}

/* Where an arm's sockets come from. Both parts are optional: -1 stays where the process is. */
struct place {
  int netns;  /* fd of a network namespace */
  int cgroup; /* fd of a cgroup.procs */
};

static inline int open_or_stay(const char *path, const char *suffix) {
  char full[512];
  if (!strcmp(path, "-")) return -1;
  snprintf(full, sizeof(full), "%s%s", path, suffix);
  int fd = open(full, (*suffix ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  if (fd < 0) die("cannot open %s", full);
  return fd;
}

static inline struct place open_place(const char *netns, const char *cgroup) {
  return (struct place){.netns = open_or_stay(netns, ""),
                        .cgroup = open_or_stay(cgroup, "/cgroup.procs")};
}

/* Sockets belong to the cgroup and network namespace in which they are made. */
static inline void enter(struct place place) {
  if (place.cgroup >= 0 && write(place.cgroup, "0", 1) != 1) die("cannot enter the arm's cgroup");
  if (place.netns >= 0 && setns(place.netns, CLONE_NEWNET)) die("cannot enter the arm's netns");
}

/* An IPv4 or IPv6 literal with a port; returns the length of the socket address. */
static inline socklen_t parse_address(const char *text, int port, struct sockaddr_storage *out) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)out;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
  memset(out, 0, sizeof(*out));
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    return sizeof(*v4);
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return sizeof(*v6);
  }
  errno = 0;
  die("not an IP address: %s", text);
}

#endif /* KPROXY_BENCH_COMMON_H */
