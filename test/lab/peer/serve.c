// SPDX-License-Identifier: Apache-2.0
// The server role: one thread, epoll, any number of connections.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "peer.h"

enum Kind { kListener, kDatagram, kConnection };

struct Handle {
  enum Kind kind;
  int socket;
};

static void Watch(int epoll, int socket, enum Kind kind) {
  struct Handle* handle = malloc(sizeof(*handle));
  if (handle == NULL) Die("out of memory");
  *handle = (struct Handle){.kind = kind, .socket = socket};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = handle};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) Die("epoll_ctl: %s", ErrnoName(errno));
}

static int Listen(const struct Options* options, uint16_t port, int type) {
  struct sockaddr_storage address = options->address;
  socklen_t size = options->address_size;
  if (size == 0) {  // no --bind: the IPv6 wildcard takes both families
    ((struct sockaddr_in6*)&address)->sin6_family = AF_INET6;
    size = sizeof(struct sockaddr_in6);
  }
  // sin_port and sin6_port are at the same place.
  ((struct sockaddr_in*)&address)->sin_port = htons(port);
  const int fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) Die("socket: %s", ErrnoName(errno));
  const int on = 1, off = 0;
  if (type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ss_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (type == SOCK_DGRAM) setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
  }
  if (bind(fd, (struct sockaddr*)&address, size) != 0)
    Die("bind %s port %u: %s", type == SOCK_STREAM ? "TCP" : "UDP", port, ErrnoName(errno));
  if (type == SOCK_STREAM && listen(fd, 4096) != 0) Die("listen: %s", ErrnoName(errno));
  return fd;
}

static int Greeting(const struct Options* options, const struct sockaddr_storage* client,
                    char* text, size_t size) {
  char endpoint[kEndpointSize];
  struct sockaddr_storage shown = *client;
  const struct sockaddr_in6* ipv6 = (const struct sockaddr_in6*)client;
  if (client->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
    // The dual-stack socket is our own affair: show the IPv4 client that it was.
    struct sockaddr_in* ipv4 = (struct sockaddr_in*)&shown;
    *ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = ipv6->sin6_port};
    memcpy(&ipv4->sin_addr, &ipv6->sin6_addr.s6_addr[12], 4);
  }
  FormatEndpoint(&shown, endpoint, sizeof(endpoint));
  return snprintf(text, size, "%s %s\n", options->name, endpoint);
}

static void Accept(const struct Options* options, int epoll, int listener) {
  for (;;) {
    struct sockaddr_storage client;
    socklen_t size = sizeof(client);
    const int fd =
        accept4(listener, (struct sockaddr*)&client, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;  // EAGAIN, or a client that is gone already
    char greeting[kNameSize + kEndpointSize];
    const int length = Greeting(options, &client, greeting, sizeof(greeting));
    if (send(fd, greeting, (size_t)length, MSG_NOSIGNAL) != length) {
      close(fd);
      continue;
    }
    Watch(epoll, fd, kConnection);
  }
}

// Echoes what there is; false when the connection has ended. A client that does not read its echo
// loses the connection: the laboratory has no such clients, and nothing is to grow without bound.
static bool Echo(int fd) {
  char buffer[16384];
  const ssize_t length = recv(fd, buffer, sizeof(buffer), 0);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  return length > 0 && send(fd, buffer, (size_t)length, MSG_NOSIGNAL) == length;
}

// Answers from the address that the datagram was sent to (IPV6_PKTINFO serves v4-mapped too).
static void Answer(const struct Options* options, int fd) {
  for (;;) {
    char data[kNameSize + kEndpointSize + kDatagramSize];
    char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct sockaddr_storage client;
    char payload[kDatagramSize];
    struct iovec part = {.iov_base = payload, .iov_len = sizeof(payload)};
    struct msghdr message = {.msg_name = &client,
                             .msg_namelen = sizeof(client),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    const ssize_t length = recvmsg(fd, &message, 0);
    if (length < 0) return;
    const int greeting = Greeting(options, &client, data, sizeof(data));
    memcpy(data + greeting, payload, (size_t)length);
    part = (struct iovec){.iov_base = data, .iov_len = (size_t)(greeting + length)};
    for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
        ((struct in6_pktinfo*)CMSG_DATA(header))->ipi6_ifindex = 0;  // let the routes decide
    }
    message.msg_flags = 0;
    sendmsg(fd, &message, MSG_NOSIGNAL);
  }
}

int Serve(const struct Options* options) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) Die("epoll_create1: %s", ErrnoName(errno));
  for (int index = 0; index < options->port_count; ++index) {
    const uint16_t port = options->ports[index];
    if (options->tcp) Watch(epoll, Listen(options, port, SOCK_STREAM), kListener);
    if (options->udp) Watch(epoll, Listen(options, port, SOCK_DGRAM), kDatagram);
  }
  CatchStopSignals();
  printf("ready %s\n", options->name);
  struct epoll_event events[64];
  while (!Stopped()) {
    const int count = epoll_wait(epoll, events, 64, -1);
    for (int index = 0; index < count; ++index) {
      struct Handle* handle = events[index].data.ptr;
      if (handle->kind == kListener) {
        Accept(options, epoll, handle->socket);
      } else if (handle->kind == kDatagram) {
        Answer(options, handle->socket);
      } else if (!Echo(handle->socket)) {
        close(handle->socket);
        free(handle);
      }
    }
  }
  return 0;
}
