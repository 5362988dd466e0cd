/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - which endpoint does a Service lead to, asked again and again:
 * `probe CPU INTERVAL_US NETNS CGROUP ADDRESS PORT` ("-" for NETNS or CGROUP: stay).
 *
 * One connection per interval, from a pod of the arm. A JSON line is written whenever the answer
 * differs from the one before:
 *   {"at": CLOCK_MONOTONIC ns at which the answer had been read, "backend": "a", "failures": 0}
 * `failures` counts the attempts that failed since the line before. Ends when stdin closes.
 */
#include <poll.h>

#include "common.h"

/* Copies the server's name into `name`; false if there was none. */
static int ask(const struct sockaddr *target, socklen_t size, char *name, size_t room) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  struct timeval patience = {.tv_sec = 1};
  int fd = socket(target->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ssize_t length = -1;
  if (!connect(fd, target, size)) length = recv(fd, name, room - 1, 0);
  close(fd);
  if (length <= 0) return 0;
  name[length] = 0;
  return 1;
}

int main(int count, char **arguments) {
  if (count != 7) {
    fprintf(stderr, "usage: probe CPU INTERVAL_US NETNS CGROUP ADDRESS PORT\n");
    return 2;
  }
  end_with_parent();
  pin_to_cpu(atoi(arguments[1]));
  uint64_t interval = strtoull(arguments[2], NULL, 10) * 1000;
  struct sockaddr_storage target;
  socklen_t size = parse_address(arguments[5], atoi(arguments[6]), &target);
  enter(open_place(arguments[3], arguments[4]));

  char last[64] = "";
  unsigned failures = 0;
  uint64_t next = now_ns();
  for (;;) {
    char name[64];
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (poll(&input, 1, 0) > 0) return 0;
    if (!ask((struct sockaddr *)&target, size, name, sizeof(name))) {
      failures++;
    } else if (strcmp(name, last)) {
      printf("{\"at\":%llu,\"backend\":\"%s\",\"failures\":%u}\n", (unsigned long long)now_ns(),
             name, failures);
      fflush(stdout);
      failures = 0;
      strcpy(last, name);
    }
    next += interval;
    uint64_t now = now_ns();
    if (next < now) next = now;
    struct timespec until = {.tv_sec = (time_t)(next / 1000000000u),
                             .tv_nsec = (long)(next % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  }
}
