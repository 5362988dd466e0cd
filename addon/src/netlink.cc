#include "netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

namespace kproxy {

namespace {

// The kernel fills at most so much at once, whatever it is offered (netlink_recvmsg()).
constexpr size_t kDumpBytes = 32 << 10;

struct Request {
  nlmsghdr header;
  rtgenmsg body;
};

// One datagram into `buffer`. Returns its size, or 0 with errno set.
size_t Receive(int fd, std::vector<char>& buffer, sockaddr_nl& sender) {
  iovec vector{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof(sender);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  ssize_t size;
  do {
    size = recvmsg(fd, &message, 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return 0;
  if (size == 0 || (message.msg_flags & MSG_TRUNC) != 0) {
    errno = EMSGSIZE;
    return 0;
  }
  return static_cast<size_t>(size);
}

}  // namespace

FileDescriptor OpenRouteSocket(int flags, uint32_t groups) {
  FileDescriptor fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
  if (!fd.open()) return fd;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    fd.Close();
    errno = error;
  }
  return fd;
}

int Dump(int fd, uint16_t type, const std::function<void(const nlmsghdr&)>& take) {
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(request.body));
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.rtgen_family = AF_UNSPEC;
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) return errno;

  std::vector<char> buffer(kDumpBytes);
  bool interrupted = false;
  for (;;) {
    sockaddr_nl sender{};
    size_t left = Receive(fd, buffer, sender);
    if (left == 0) return errno;
    // Privileged processes can send to this socket, too.
    if (sender.nl_pid != 0) continue;
    for (auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      interrupted |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (header->nlmsg_type == NLMSG_DONE) return interrupted ? EINTR : 0;
      if (header->nlmsg_type == NLMSG_ERROR) {
        if (header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return EBADMSG;
        return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
      }
      take(*header);
    }
  }
}

}  // namespace kproxy
