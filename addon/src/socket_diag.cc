#include "socket_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <vector>

#include "arguments.h"
#include "file_descriptor.h"
#include "job.h"
#include "netns.h"

namespace kproxy {

namespace {

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

struct Answer {
  nlmsghdr header;
  nlmsgerr error;
};

// Asks the kernel to end one socket. Returns 0 or an errno: ENOENT where it is gone, or another by
// now.
int DestroyOne(int fd, const inet_diag_req_v2& socket) {
  Request request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DESTROY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.body = socket;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(fd, &request, sizeof(request), 0, reinterpret_cast<const sockaddr*>(&kernel),
             sizeof(kernel)) < 0) {
    return errno;
  }
  for (;;) {
    // The error comes with as much of the request as the kernel likes.
    alignas(Answer) char buffer[sizeof(Answer) + sizeof(Request)];
    sockaddr_nl sender{};
    socklen_t size = sizeof(sender);
    const ssize_t length =
        recvfrom(fd, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&sender), &size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno;
    // Privileged processes can send to this socket, too.
    if (sender.nl_pid != 0) continue;
    const auto* answer = reinterpret_cast<const Answer*>(buffer);
    if (static_cast<size_t>(length) < sizeof(Answer) || answer->header.nlmsg_type != NLMSG_ERROR) {
      return EBADMSG;
    }
    return -answer->error.error;
  }
}

class DestroyJob : public Job {
 public:
  explicit DestroyJob(Napi::Env env) : Job(env, "kproxy:destroySockets") {}

  std::vector<inet_diag_req_v2> sockets;
  std::string netns;

 private:
  std::optional<Failure> Run() override {
    return RunInNetns(netns, [this]() -> std::optional<Failure> {
      const FileDescriptor fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
      if (!fd.open()) return Failure{errno, "open a netlink socket for", "sock_diag"};
      for (const auto& one : sockets) {
        const int error = DestroyOne(fd.get(), one);
        if (error != 0 && error != ENOENT) return Failure{error, "destroy socket", "by sock_diag"};
        destroyed_.push_back(error == 0);
      }
      return std::nullopt;
    });
  }

  Napi::Value Value(Napi::Env env) override {
    auto result = Napi::Uint8Array::New(env, destroyed_.size());
    if (!result.IsEmpty()) std::copy(destroyed_.begin(), destroyed_.end(), result.Data());
    return result;
  }

  std::vector<uint8_t> destroyed_;
};

}  // namespace

Napi::Value DestroySockets(const Napi::CallbackInfo& info) {
  const View requests = Bytes(info[0]);
  auto* job = new DestroyJob(info.Env());
  job->sockets.resize(requests.size / sizeof(inet_diag_req_v2));
  if (!job->sockets.empty()) {
    memcpy(job->sockets.data(), requests.data, job->sockets.size() * sizeof(inet_diag_req_v2));
  }
  job->netns = Text(info[1]);
  return Job::Start(job);
}

}  // namespace kproxy
