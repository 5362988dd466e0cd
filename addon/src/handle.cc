#include "handle.h"

#include <bpf/bpf.h>

#include <array>
#include <string_view>

#include "arguments.h"

namespace kproxy {

namespace {

std::string_view Noun(PinKind kind) {
  switch (kind) {
    case PinKind::kMap:
      return "map";
    case PinKind::kProgram:
      return "prog";
    case PinKind::kLink:
      return "link";
  }
  return "";
}

}  // namespace

Napi::Value Wrap(Napi::Env env, std::unique_ptr<Resource> resource) {
  const auto external = Napi::External<Resource>::New(
      env, resource.get(), [](Napi::BasicEnv, Resource* owned) { delete owned; });
  if (!external.IsEmpty()) resource.release();
  return external;
}

Resource* UnwrapResource(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsExternal()) return nullptr;
  return info[index].As<Napi::External<Resource>>().Data();
}

Result<FileDescriptor> OpenPin(const std::string& path, PinKind kind) {
  FileDescriptor fd(bpf_obj_get(path.c_str()));
  if (!fd.open()) return Failure{errno, "open pin", path};
  // The descriptor's link in /proc is the one place that says "bpf-map", "bpf-prog" or "bpf_link".
  std::array<char, 64> target{};
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  if (readlink(self.c_str(), target.data(), target.size() - 1) < 0) {
    return Failure{errno, "open pin", path, "reading " + self + " failed"};
  }
  const std::string_view found = target.data();
  if (found.find(Noun(kind)) == std::string_view::npos) {
    return Failure{
        EINVAL, "open pin", path,
        "it is a pin of " + std::string(found) + ", not of a " + std::string(Noun(kind))};
  }
  return fd;
}

Napi::Value CloseHandle(const Napi::CallbackInfo& info) {
  if (auto* resource = UnwrapResource(info, 0)) resource->Close();
  return info.Env().Undefined();
}

Napi::Value PinHandle(const Napi::CallbackInfo& info) {
  auto* handle = Unwrap<Handle>(info, 0);
  if (handle == nullptr) return info.Env().Undefined();
  const std::string path = Text(info[1]);
  if (bpf_obj_pin(handle->fd.get(), path.c_str()) != 0) {
    return Throw(info.Env(), {errno, "pin", handle->subject, "at " + path});
  }
  return info.Env().Undefined();
}

}  // namespace kproxy
