#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cinttypes>
#include <cstdio>
#include <memory>

#include "arguments.h"

namespace kproxy {

namespace {

bool IsPerCpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

int ReadInfo(int fd, bpf_map_info* out) {
  *out = {};
  uint32_t size = sizeof(*out);
  return bpf_obj_get_info_by_fd(fd, out, &size) == 0 ? 0 : errno;
}

// nullopt, with a TypeError pending, unless the bytes are of the size that the kernel will touch.
std::optional<View> Sized(const Napi::CallbackInfo& info, size_t index, size_t size) {
  const View view = Bytes(info[index]);
  if (view.size == size) return view;
  Napi::TypeError::New(
      info.Env(), "expected " + std::to_string(size) + " bytes, got " + std::to_string(view.size))
      .ThrowAsJavaScriptException();
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Map>> MakeMap(FileDescriptor fd, std::string subject) {
  bpf_map_info kernel;
  if (int error = ReadInfo(fd.get(), &kernel)) return Failure{error, "read map info", subject};
  MapShape shape{kernel.type, kernel.key_size, kernel.value_size, kernel.max_entries,
                 kernel.value_size};
  if (subject.empty()) subject = kernel.name;
  if (IsPerCpu(kernel.type)) {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 0) return Failure{-cpus, "count possible CPUs", subject};
    shape.value_bytes = (static_cast<size_t>(kernel.value_size) + 7) / 8 * 8 * cpus;
  }
  return std::make_unique<Map>(std::move(fd), std::move(subject), shape);
}

Napi::Value OpenMap(const Napi::CallbackInfo& info) {
  const std::string path = Text(info[0]);
  auto fd = OpenPin(path, PinKind::kMap);
  if (auto* failure = std::get_if<Failure>(&fd)) return Throw(info.Env(), *failure);
  auto map = MakeMap(std::move(std::get<FileDescriptor>(fd)), "");
  if (auto* failure = std::get_if<Failure>(&map)) return Throw(info.Env(), *failure);
  return Wrap(info.Env(), std::move(std::get<std::unique_ptr<Map>>(map)));
}

Napi::Value MapInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  bpf_map_info kernel;
  if (int error = ReadInfo(map->fd.get(), &kernel)) {
    return Throw(env, {error, "read map info", map->subject});
  }
  auto result = Napi::Object::New(env);
  result["name"] = Napi::String::New(env, kernel.name);
  result["subject"] = Napi::String::New(env, map->subject);
  result["id"] = Napi::Number::New(env, kernel.id);
  result["type"] = Napi::Number::New(env, kernel.type);
  result["keySize"] = Napi::Number::New(env, kernel.key_size);
  result["valueSize"] = Napi::Number::New(env, kernel.value_size);
  result["maxEntries"] = Napi::Number::New(env, kernel.max_entries);
  result["flags"] = Napi::Number::New(env, kernel.map_flags);
  result["valueBytes"] = Napi::Number::New(env, static_cast<double>(map->shape.value_bytes));
  return result;
}

Napi::Value MapMemory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const std::string path = "/proc/self/fdinfo/" + std::to_string(map->fd.get());
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(path.c_str(), "re"), fclose);
  if (!file) return Throw(env, {errno, "read map memory", map->subject, "opening " + path});
  char line[256];
  uint64_t bytes = 0;
  while (fgets(line, sizeof(line), file.get()) != nullptr) {
    if (sscanf(line, "memlock: %" SCNu64, &bytes) == 1) {
      return Napi::Number::New(env, static_cast<double>(bytes));
    }
  }
  return Throw(env, {ENODATA, "read map memory", map->subject, "no memlock line in " + path});
}

Napi::Value LookupElement(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const auto key = Sized(info, 1, map->shape.key_size);
  if (!key) return env.Undefined();
  auto value = Napi::Uint8Array::New(env, map->shape.value_bytes);
  if (value.IsEmpty()) return env.Undefined();
  if (bpf_map_lookup_elem(map->fd.get(), key->data, value.Data()) == 0) return value;
  if (errno == ENOENT) return env.Undefined();
  return Throw(env, {errno, "lookup", map->subject});
}

Napi::Value UpdateElement(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const auto key = Sized(info, 1, map->shape.key_size);
  if (!key) return env.Undefined();
  const auto value = Sized(info, 2, map->shape.value_bytes);
  if (!value) return env.Undefined();
  if (bpf_map_update_elem(map->fd.get(), key->data, value->data, Unsigned(info[3])) == 0) {
    return env.Undefined();
  }
  return Throw(env, {errno, "update", map->subject});
}

Napi::Value DeleteElement(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* map = Unwrap<Map>(info, 0);
  if (map == nullptr) return env.Undefined();
  const auto key = Sized(info, 1, map->shape.key_size);
  if (!key) return env.Undefined();
  if (bpf_map_delete_elem(map->fd.get(), key->data) == 0) return Napi::Boolean::New(env, true);
  if (errno == ENOENT) return Napi::Boolean::New(env, false);
  return Throw(env, {errno, "delete", map->subject});
}

}  // namespace kproxy
