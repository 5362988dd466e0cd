#include "netns.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include "arguments.h"
#include "file_descriptor.h"
#include "job.h"

namespace kproxy {

namespace {

struct Task {
  const std::string& path;
  const std::function<std::optional<Failure>()>& work;
  std::optional<Failure> failure = {};
};

std::optional<Failure> Enter(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) return Failure{errno, "open network namespace", path};
  if (setns(fd.get(), CLONE_NEWNET) == 0) return std::nullopt;
  const char* detail = errno == EINVAL ? "it is not a network namespace" : "";
  return Failure{errno, "enter network namespace", path, detail};
}

void* RunTask(void* argument) {
  auto* task = static_cast<Task*>(argument);
  task->failure = Enter(task->path);
  if (!task->failure) task->failure = task->work();
  return nullptr;
}

Result<uint64_t> OwnCookie() {
  const FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.open()) return Failure{errno, "open a socket for", "the netns cookie"};
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) {
    return Failure{errno, "read", "the netns cookie"};
  }
  return cookie;
}

class CookieJob : public Job {
 public:
  CookieJob(Napi::Env env, std::string path)
      : Job(env, "kproxy:netnsCookieAt"), path_(std::move(path)) {}

 private:
  std::optional<Failure> Run() override {
    return RunInNetns(path_, [this]() -> std::optional<Failure> {
      auto cookie = OwnCookie();
      if (auto* failure = std::get_if<Failure>(&cookie)) return *failure;
      cookie_ = std::get<uint64_t>(cookie);
      return std::nullopt;
    });
  }
  Napi::Value Value(Napi::Env env) override { return Napi::BigInt::New(env, cookie_); }

  const std::string path_;
  uint64_t cookie_ = 0;
};

}  // namespace

std::optional<Failure> RunInNetns(const std::string& path,
                                  const std::function<std::optional<Failure>()>& work) {
  if (path.empty()) return work();
  Task task{path, work};
  pthread_t thread;
  if (int error = pthread_create(&thread, nullptr, RunTask, &task)) {
    return Failure{error, "start a thread for network namespace", path};
  }
  pthread_join(thread, nullptr);
  return task.failure;
}

Napi::Value NetnsCookie(const Napi::CallbackInfo& info) {
  const auto cookie = OwnCookie();
  if (auto* failure = std::get_if<Failure>(&cookie)) return Throw(info.Env(), *failure);
  return Napi::BigInt::New(info.Env(), std::get<uint64_t>(cookie));
}

Napi::Value NetnsCookieAt(const Napi::CallbackInfo& info) {
  return Job::Start(new CookieJob(info.Env(), Text(info[0])));
}

}  // namespace kproxy
