/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - the backend of every arm: `server NAME CPU`. One epoll loop that
 * - accepts and closes on PORT_ACCEPT (connect() timing),
 * - echoes TCP and UDP on PORT_ECHO (request and response),
 * - answers with NAME on PORT_NAME (which endpoint was reached).
 * Sockets are dual stack. It says "ready" on stdout once all of them listen.
 */
#include <sys/epoll.h>

#include "common.h"

enum role { ROLE_ACCEPT, ROLE_ECHO, ROLE_UDP, ROLE_NAME, ROLE_STREAM };

static int loop;

static void watch(int fd, enum role role) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = ((uint64_t)role << 32) | (uint32_t)fd};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

static void listen_on(int type, int port, enum role role) {
  int on = 1, off = 0;
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (bind(fd, (struct sockaddr *)&any, sizeof(any))) die("cannot bind port %d", port);
  if (type == SOCK_STREAM && listen(fd, 4096)) die("cannot listen on port %d", port);
  watch(fd, role);
}

static void accept_all(int listener, enum role role, const char *name) {
  for (;;) {
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (role == ROLE_ECHO) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      watch(fd, ROLE_STREAM);
      continue;
    }
    if (role == ROLE_NAME) (void)!send(fd, name, strlen(name), MSG_NOSIGNAL);
    close(fd);
  }
}

static void echo_stream(int fd) {
  char buffer[256];
  ssize_t length = read(fd, buffer, sizeof(buffer));
  if (length > 0) (void)!send(fd, buffer, (size_t)length, MSG_NOSIGNAL);
  if (length == 0 || (length < 0 && errno != EAGAIN)) close(fd);
}

static void echo_datagrams(int fd) {
  char buffer[256];
  struct sockaddr_storage from;
  for (;;) {
    socklen_t size = sizeof(from);
    ssize_t length = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size);
    if (length < 0) return;
    (void)!sendto(fd, buffer, (size_t)length, 0, (struct sockaddr *)&from, size);
  }
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: server NAME CPU\n");
    return 2;
  }
  end_with_parent();
  pin_to_cpu(atoi(arguments[2]));
  loop = epoll_create1(EPOLL_CLOEXEC);
  if (loop < 0) die("epoll_create1");
  listen_on(SOCK_STREAM, PORT_ACCEPT, ROLE_ACCEPT);
  listen_on(SOCK_STREAM, PORT_ECHO, ROLE_ECHO);
  listen_on(SOCK_DGRAM, PORT_ECHO, ROLE_UDP);
  listen_on(SOCK_STREAM, PORT_NAME, ROLE_NAME);
  puts("ready");
  fflush(stdout);

  for (;;) {
    struct epoll_event events[64];
    int ready = epoll_wait(loop, events, 64, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      int fd = (int)(uint32_t)events[i].data.u64;
      enum role role = (enum role)(events[i].data.u64 >> 32);
      if (role == ROLE_STREAM)
        echo_stream(fd);
      else if (role == ROLE_UDP)
        echo_datagrams(fd);
      else
        accept_all(fd, role, arguments[1]);
    }
  }
}
