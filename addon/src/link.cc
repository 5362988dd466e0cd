#include "link.h"

#include <bpf/bpf.h>

#include <cstring>
#include <vector>

#include "arguments.h"
#include "handle.h"

namespace kproxy {

namespace {

// Of linux/bpf.h since 6.6; the headers of Debian 12 are older.
constexpr uint32_t kTcx = 11;  // BPF_LINK_TYPE_TCX
struct TcxInfo {
  uint32_t ifindex;
  uint32_t attach_type;
};

// Ids of the programs at one place, which a cgroup or an interface is.
Napi::Value Query(Napi::Env env, int target, bpf_attach_type type, const std::string& subject) {
  std::vector<uint32_t> ids(64);  // the kernel's limit of programs on one hook
  uint32_t count = ids.size();
  if (bpf_prog_query(target, type, 0, nullptr, ids.data(), &count) != 0) {
    return Throw(env, {errno, "query programs of", subject});
  }
  auto result = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) result[i] = Napi::Number::New(env, ids[i]);
  return result;
}

FileDescriptor OpenDirectory(const std::string& path) {
  return FileDescriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

Napi::Value AttachCgroup(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* program = Unwrap<Program>(info, 0);
  if (program == nullptr) return env.Undefined();
  const std::string path = Text(info[1]);
  const auto cgroup = OpenDirectory(path);
  if (!cgroup.open()) return Throw(env, {errno, "open cgroup", path});
  const auto type = static_cast<bpf_attach_type>(Unsigned(info[2]));
  FileDescriptor link(bpf_link_create(program->fd.get(), cgroup.get(), type, nullptr));
  if (!link.open()) return Throw(env, {errno, "attach", program->subject, "to cgroup " + path});
  return Wrap(env, std::make_unique<Link>(std::move(link), program->subject));
}

Napi::Value OpenLink(const Napi::CallbackInfo& info) {
  const std::string path = Text(info[0]);
  auto fd = OpenPin(path, PinKind::kLink);
  if (auto* failure = std::get_if<Failure>(&fd)) return Throw(info.Env(), *failure);
  return Wrap(info.Env(), std::make_unique<Link>(std::move(std::get<FileDescriptor>(fd)), path));
}

Napi::Value LinkInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* link = Unwrap<Link>(info, 0);
  if (link == nullptr) return env.Undefined();
  bpf_link_info kernel{};
  uint32_t size = sizeof(kernel);
  if (bpf_obj_get_info_by_fd(link->fd.get(), &kernel, &size) != 0) {
    return Throw(env, {errno, "read link info", link->subject});
  }
  const bool is_cgroup = kernel.type == BPF_LINK_TYPE_CGROUP;
  const bool is_tcx = kernel.type == kTcx;
  TcxInfo tcx{};
  // The kernel's union begins where all its members do.
  memcpy(&tcx, &kernel.cgroup, sizeof(tcx));
  auto result = Napi::Object::New(env);
  result["id"] = Napi::Number::New(env, kernel.id);
  result["programId"] = Napi::Number::New(env, kernel.prog_id);
  result["cgroupId"] =
      Napi::BigInt::New(env, is_cgroup ? static_cast<uint64_t>(kernel.cgroup.cgroup_id) : 0);
  result["attachType"] = is_cgroup ? Napi::Number::New(env, kernel.cgroup.attach_type)
                         : is_tcx  ? Napi::Number::New(env, tcx.attach_type)
                                   : Napi::Value(env.Undefined());
  result["interfaceIndex"] =
      is_tcx ? Napi::Number::New(env, tcx.ifindex) : Napi::Value(env.Undefined());
  return result;
}

Napi::Value UpdateLink(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* link = Unwrap<Link>(info, 0);
  if (link == nullptr) return env.Undefined();
  auto* program = Unwrap<Program>(info, 1);
  if (program == nullptr) return env.Undefined();
  if (bpf_link_update(link->fd.get(), program->fd.get(), nullptr) != 0) {
    return Throw(env, {errno, "update link", link->subject, "with program " + program->subject});
  }
  return env.Undefined();
}

Napi::Value DetachLink(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* link = Unwrap<Link>(info, 0);
  if (link == nullptr) return env.Undefined();
  if (bpf_link_detach(link->fd.get()) != 0) {
    return Throw(env, {errno, "detach link", link->subject});
  }
  return env.Undefined();
}

Napi::Value CgroupPrograms(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = Text(info[0]);
  const auto cgroup = OpenDirectory(path);
  if (!cgroup.open()) return Throw(env, {errno, "open cgroup", path});
  const auto type = static_cast<bpf_attach_type>(Unsigned(info[1]));
  return Query(env, cgroup.get(), type, "cgroup " + path);
}

Napi::Value AttachInterface(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* program = Unwrap<Program>(info, 0);
  if (program == nullptr) return env.Undefined();
  const int index = static_cast<int>(Unsigned(info[1]));
  const auto type = static_cast<bpf_attach_type>(Unsigned(info[2]));
  FileDescriptor link(bpf_link_create(program->fd.get(), index, type, nullptr));
  if (!link.open()) {
    return Throw(env, {errno, "attach", program->subject, "to interface " + std::to_string(index)});
  }
  return Wrap(env, std::make_unique<Link>(std::move(link), program->subject));
}

Napi::Value InterfacePrograms(const Napi::CallbackInfo& info) {
  const auto index = Unsigned(info[0]);
  const auto type = static_cast<bpf_attach_type>(Unsigned(info[1]));
  return Query(info.Env(), static_cast<int>(index), type, "interface " + std::to_string(index));
}

}  // namespace kproxy
