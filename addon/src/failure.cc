#include "failure.h"

#include <cstring>

namespace kproxy {

namespace {

// Not in errno.h: the kernel means it for itself, and bpf(2) lets it out all the same.
constexpr int kKernelNotSupported = 524;

std::string Name(int error) {
  if (error == kKernelNotSupported) return "ENOTSUPP";
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "E" + std::to_string(error);
}

std::string Description(int error) {
  if (error == kKernelNotSupported) return "Operation is not supported by this kernel";
  const char* text = strerrordesc_np(error);
  return text != nullptr ? text : "Unknown error";
}

}  // namespace

Napi::Value ToError(Napi::Env env, const Failure& failure) {
  auto* instance = env.GetInstanceData<Instance>();
  if (instance == nullptr || instance->error_class.IsEmpty()) {
    return Napi::Error::New(env,
                            failure.operation + " " + failure.subject + ": " + Name(failure.error))
        .Value();
  }
  auto fields = Napi::Object::New(env);
  fields["code"] = Name(failure.error);
  fields["description"] = Description(failure.error);
  fields["operation"] = failure.operation;
  fields["subject"] = failure.subject;
  if (!failure.detail.empty()) fields["detail"] = failure.detail;
  if (!failure.verifier_log.empty()) fields["verifierLog"] = failure.verifier_log;
  if (failure.completed) fields["completed"] = Napi::Number::New(env, *failure.completed);
  return instance->error_class.New({fields});
}

Napi::Value Throw(Napi::Env env, const Failure& failure) {
  Napi::Value error = ToError(env, failure);
  if (!env.IsExceptionPending()) napi_throw(env, error);
  return env.Undefined();
}

Napi::Value SetErrorClass(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<Instance>()->error_class =
      Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

}  // namespace kproxy
