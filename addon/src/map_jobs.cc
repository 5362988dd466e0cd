#include "map_jobs.h"

#include <cstring>
#include <limits>

#include "arguments.h"
#include "batch.h"
#include "bytes.h"
#include "job.h"

namespace kproxy {

namespace {

// A job has a descriptor of its own: closing or collecting the map while the job runs must not
// hand its number to another file.
class MapJob : public Job {
 public:
  // nullptr, with an exception pending, when the process is out of descriptors.
  template <typename T>
  static T* Make(Napi::Env env, const Map& map) {
    auto fd = FileDescriptor::Duplicate(map.fd.get());
    if (!fd.open()) {
      Throw(env, {errno, "duplicate the descriptor of", map.subject});
      return nullptr;
    }
    auto* job = new T(env);
    job->fd_ = std::move(fd);
    job->shape_ = map.shape;
    job->subject_ = map.subject;
    return job;
  }

 protected:
  using Job::Job;
  FileDescriptor fd_;
  MapShape shape_;
  std::string subject_;
};

// JavaScript may detach or resize a buffer at any time, which would pull the memory from under the
// thread, and Node-API cannot forbid it. So a job works on a copy: 1 ms for 10 MB.
bool Copy(const View& view, Memory* copy) {
  if (!copy->Resize(view.size)) return false;
  if (view.size > 0) memcpy(copy->data(), view.data, view.size);
  return true;
}

class UpdateJob : public MapJob {
 public:
  explicit UpdateJob(Napi::Env env) : MapJob(env, "kproxy:updateBatch") {}
  Memory keys, values;
  uint32_t count = 0;

 private:
  std::optional<Failure> Run() override {
    const auto outcome = UpdateAll(fd_.get(), shape_, keys.data(), values.data(), count);
    if (outcome.error == 0) return std::nullopt;
    return Failure{outcome.error, "update batch", subject_, "", "", outcome.completed};
  }
  Napi::Value Value(Napi::Env env) override { return env.Undefined(); }
};

class DeleteJob : public MapJob {
 public:
  explicit DeleteJob(Napi::Env env) : MapJob(env, "kproxy:deleteBatch") {}
  Memory keys;
  uint32_t count = 0;

 private:
  std::optional<Failure> Run() override {
    const auto outcome = DeleteAll(fd_.get(), shape_, keys.data(), count, &deleted_);
    if (outcome.error == 0) return std::nullopt;
    return Failure{outcome.error, "delete batch", subject_, "", "", outcome.completed};
  }
  Napi::Value Value(Napi::Env env) override { return Napi::Number::New(env, deleted_); }

  uint32_t deleted_ = 0;
};

class EntriesJob : public MapJob {
 public:
  explicit EntriesJob(Napi::Env env) : MapJob(env, "kproxy:entries") {}

 private:
  std::optional<Failure> Run() override {
    const int error = CollectEntries(fd_.get(), shape_, &entries_);
    if (error == 0) return std::nullopt;
    return Failure{error, "read entries", subject_};
  }
  Napi::Value Value(Napi::Env env) override {
    auto result = Napi::Object::New(env);
    result["keys"] = ToUint8Array(env, std::move(entries_.keys));
    result["values"] = ToUint8Array(env, std::move(entries_.values));
    result["count"] = Napi::Number::New(env, entries_.count);
    return result;
  }

  Entries entries_;
};

Napi::Value WrongSize(Napi::Env env) {
  Napi::TypeError::New(env, "keys and values must be whole elements, as many of each")
      .ThrowAsJavaScriptException();
  return env.Undefined();
}

bool Countable(const View& keys, const MapShape& shape) {
  return shape.key_size > 0 && keys.size % shape.key_size == 0 &&
         keys.size / shape.key_size <= std::numeric_limits<uint32_t>::max();
}

}  // namespace

Napi::Value UpdateBatch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const View keys = Bytes(info[1]);
  const View values = Bytes(info[2]);
  if (!Countable(keys, map->shape)) return WrongSize(env);
  const size_t count = keys.size / map->shape.key_size;
  if (values.size != count * map->shape.value_bytes) return WrongSize(env);
  auto* job = MapJob::Make<UpdateJob>(env, *map);
  if (job == nullptr) return env.Undefined();
  job->count = count;
  if (!Copy(keys, &job->keys) || !Copy(values, &job->values)) {
    delete job;
    return Throw(env, {ENOMEM, "update batch", map->subject});
  }
  return Job::Start(job);
}

Napi::Value DeleteBatch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const View keys = Bytes(info[1]);
  if (!Countable(keys, map->shape)) return WrongSize(env);
  auto* job = MapJob::Make<DeleteJob>(env, *map);
  if (job == nullptr) return env.Undefined();
  job->count = keys.size / map->shape.key_size;
  if (!Copy(keys, &job->keys)) {
    delete job;
    return Throw(env, {ENOMEM, "delete batch", map->subject});
  }
  return Job::Start(job);
}

Napi::Value ReadEntries(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  auto* job = MapJob::Make<EntriesJob>(env, *map);
  return job == nullptr ? env.Undefined() : Job::Start(job);
}

}  // namespace kproxy
