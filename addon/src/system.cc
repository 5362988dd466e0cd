#include "system.h"

#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "arguments.h"
#include "handle.h"
#include "job.h"

namespace kproxy {

namespace {

class MembarrierJob : public Job {
 public:
  explicit MembarrierJob(Napi::Env env) : Job(env, "kproxy:membarrier") {}

 private:
  // The global command is synchronize_rcu(): it returns when no program runs any more that was
  // running when it was called. EINVAL where the kernel has nohz_full CPUs.
  std::optional<Failure> Run() override {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return std::nullopt;
    return Failure{errno, "membarrier", "MEMBARRIER_CMD_GLOBAL"};
  }
  Napi::Value Value(Napi::Env env) override { return env.Undefined(); }
};

}  // namespace

Napi::Value Membarrier(const Napi::CallbackInfo& info) {
  return Job::Start(new MembarrierJob(info.Env()));
}

Napi::Value LockFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = Text(info[0]);
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.open()) return Throw(env, {errno, "open for locking", path});
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return env.Undefined();
    return Throw(env, {errno, "lock", path});
  }
  return Wrap(env, std::make_unique<Lock>(std::move(fd), path));
}

Napi::Value FilesystemMagic(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = Text(info[0]);
  struct statfs status{};
  if (statfs(path.c_str(), &status) != 0) return Throw(env, {errno, "statfs", path});
  return Napi::Number::New(env, static_cast<uint32_t>(status.f_type));
}

Napi::Value PossibleCpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int count = libbpf_num_possible_cpus();
  if (count < 0) return Throw(env, {-count, "count", "possible CPUs"});
  return Napi::Number::New(env, count);
}

}  // namespace kproxy
