#include "iterator.h"

#include <bpf/bpf.h>

#include "arguments.h"
#include "bytes.h"
#include "handle.h"
#include "job.h"
#include "map.h"
#include "memory.h"
#include "netns.h"

namespace kproxy {

namespace {

// One read's worth: the kernel's own buffer has eight pages.
constexpr size_t kChunk = 32 << 10;

// All descriptors are the job's own: closing the program or map must not hand their numbers to
// others.
class IteratorJob : public Job {
 public:
  explicit IteratorJob(Napi::Env env) : Job(env, "kproxy:runIterator") {}

  FileDescriptor program, map;
  std::string subject, netns;

 private:
  std::optional<Failure> Run() override {
    return RunInNetns(netns, [this] { return Iterate(); });
  }

  Napi::Value Value(Napi::Env env) override {
    if (!output_.Resize(size_)) return Throw(env, {ENOMEM, "run iterator", subject});
    return ToUint8Array(env, std::move(output_));
  }

  // Iterators over sockets show those of the namespace that their file is made in.
  std::optional<Failure> Iterate() {
    bpf_iter_link_info target{};
    LIBBPF_OPTS(bpf_link_create_opts, options);
    if (map.open()) {
      target.map.map_fd = static_cast<uint32_t>(map.get());
      options.iter_info = &target;
      options.iter_info_len = sizeof(target);
    }
    const FileDescriptor link(bpf_link_create(program.get(), 0, BPF_TRACE_ITER, &options));
    if (!link.open()) return Failure{errno, "attach iterator", subject};
    const FileDescriptor file(bpf_iter_create(link.get()));
    if (!file.open()) return Failure{errno, "create iterator", subject};
    return ReadAll(file.get());
  }

  std::optional<Failure> ReadAll(int file) {
    for (;;) {
      if (output_.size() - size_ < kChunk && !output_.Resize(output_.size() * 2 + kChunk)) {
        return Failure{ENOMEM, "run iterator", subject};
      }
      const ssize_t length = read(file, output_.data() + size_, output_.size() - size_);
      if (length == 0) return std::nullopt;
      if (length > 0) {
        size_ += static_cast<size_t>(length);
      } else if (errno != EINTR && errno != EAGAIN) {
        // EAGAIN: the kernel has shown a million objects, and nothing came of them so far.
        return Failure{errno, "run iterator", subject};
      }
    }
  }

  Memory output_;
  size_t size_ = 0;
};

}  // namespace

Napi::Value RunIterator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* program = Unwrap<Program>(info, 0);
  if (program == nullptr) return env.Undefined();
  Map* map = nullptr;
  if (!info[1].IsUndefined()) {
    map = Unwrap<Map>(info, 1);
    if (map == nullptr) return env.Undefined();
  }
  auto* job = new IteratorJob(env);
  job->program = FileDescriptor::Duplicate(program->fd.get());
  if (map != nullptr) job->map = FileDescriptor::Duplicate(map->fd.get());
  if (!job->program.open() || (map != nullptr && !job->map.open())) {
    const int error = errno;
    delete job;
    return Throw(env, {error, "duplicate the descriptors of", program->subject});
  }
  job->subject = program->subject;
  job->netns = Text(info[2]);
  return Job::Start(job);
}

}  // namespace kproxy
