#include "program.h"

#include <bpf/bpf.h>

#include <cstdio>
#include <vector>

#include "arguments.h"
#include "handle.h"

namespace kproxy {

namespace {

// A program may grow the packet: room for headers in front and behind.
constexpr size_t kSpareBytes = 512;

std::string Hex(const uint8_t* bytes, size_t size) {
  std::string text;
  char digits[3];
  for (size_t i = 0; i < size; i++) {
    snprintf(digits, sizeof(digits), "%02x", bytes[i]);
    text += digits;
  }
  return text;
}

}  // namespace

Napi::Value OpenProgram(const Napi::CallbackInfo& info) {
  const std::string path = Text(info[0]);
  auto fd = OpenPin(path, PinKind::kProgram);
  if (auto* failure = std::get_if<Failure>(&fd)) return Throw(info.Env(), *failure);
  return Wrap(info.Env(), std::make_unique<Program>(std::move(std::get<FileDescriptor>(fd)), path));
}

Napi::Value ProgramInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* program = Unwrap<Program>(info, 0);
  if (program == nullptr) return env.Undefined();
  bpf_prog_info kernel{};
  uint32_t size = sizeof(kernel);
  if (bpf_obj_get_info_by_fd(program->fd.get(), &kernel, &size) != 0) {
    return Throw(env, {errno, "read program info", program->subject});
  }
  auto result = Napi::Object::New(env);
  result["id"] = Napi::Number::New(env, kernel.id);
  result["name"] = Napi::String::New(env, kernel.name);
  result["runCount"] = Napi::BigInt::New(env, static_cast<uint64_t>(kernel.run_cnt));
  result["runTimeNs"] = Napi::BigInt::New(env, static_cast<uint64_t>(kernel.run_time_ns));
  result["tag"] = Napi::String::New(env, Hex(kernel.tag, sizeof(kernel.tag)));
  return result;
}

Napi::Value TestRun(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* program = Unwrap<Program>(info, 0);
  if (program == nullptr) return env.Undefined();
  const View data = Bytes(info[1]);
  const View context = Bytes(info[3]);
  std::vector<uint8_t> out(data.size > 0 ? data.size + kSpareBytes : 0);
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.repeat = static_cast<int>(Unsigned(info[2]));
  options.ctx_in = context.data;
  options.ctx_size_in = context.size;
  options.data_in = data.size > 0 ? data.data : nullptr;
  options.data_size_in = data.size;
  options.data_out = out.empty() ? nullptr : out.data();
  options.data_size_out = out.size();
  if (bpf_prog_test_run_opts(program->fd.get(), &options) != 0) {
    return Throw(env, {errno, "test-run", program->subject});
  }
  auto bytes = Napi::Uint8Array::New(env, options.data_size_out);
  if (bytes.IsEmpty()) return env.Undefined();
  if (options.data_size_out > 0) memcpy(bytes.Data(), out.data(), options.data_size_out);
  auto result = Napi::Object::New(env);
  result["returnValue"] = Napi::Number::New(env, options.retval);
  result["dataOut"] = bytes;
  result["durationNs"] = Napi::Number::New(env, options.duration);
  return result;
}

}  // namespace kproxy
