// Kernel things that JavaScript holds: closed by close(), by the garbage collector or at exit.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "failure.h"
#include "file_descriptor.h"

namespace kproxy {

// Base of everything that travels through JavaScript as an External.
struct Resource {
  virtual ~Resource() = default;
  virtual void Close() = 0;
  virtual bool IsOpen() const = 0;
};

// A map, program, link or lock: one descriptor and the name that errors give it.
struct Handle : Resource {
  Handle(FileDescriptor fd, std::string subject) : fd(std::move(fd)), subject(std::move(subject)) {}
  void Close() override { fd.Close(); }
  bool IsOpen() const override { return fd.open(); }

  FileDescriptor fd;
  std::string subject;
};

struct Program : Handle {
  using Handle::Handle;
};

struct Link : Handle {
  using Handle::Handle;
};

struct Lock : Handle {
  using Handle::Handle;
};

Napi::Value Wrap(Napi::Env env, std::unique_ptr<Resource> resource);

Resource* UnwrapResource(const Napi::CallbackInfo& info, size_t index);

// The open T at `index`; otherwise nullptr, with a TypeError pending. TypeScript has checked
// before: this is the net below it.
template <typename T>
T* Unwrap(const Napi::CallbackInfo& info, size_t index) {
  auto* resource = dynamic_cast<T*>(UnwrapResource(info, index));
  if (resource != nullptr && resource->IsOpen()) return resource;
  Napi::TypeError::New(info.Env(), "the handle is closed or of another kind")
      .ThrowAsJavaScriptException();
  return nullptr;
}

// What a pin holds; the kernel opens a pin of any kind as asked and does not tell.
enum class PinKind { kMap, kProgram, kLink };
Result<FileDescriptor> OpenPin(const std::string& path, PinKind kind);

// close(handle): idempotent.
Napi::Value CloseHandle(const Napi::CallbackInfo& info);
// pin(handle, path)
Napi::Value PinHandle(const Napi::CallbackInfo& info);

}  // namespace kproxy
