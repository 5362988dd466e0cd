#include "print_capture.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>

namespace kproxy {

namespace {

thread_local std::string* sink = nullptr;

int Print(libbpf_print_level level, const char* format, va_list arguments) {
  if (sink == nullptr || level != LIBBPF_WARN) return 0;
  char line[1024];
  const int length = vsnprintf(line, sizeof(line), format, arguments);
  if (length > 0) sink->append(line);
  return length;
}

}  // namespace

PrintCapture::PrintCapture() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(Print); });
  sink = &text_;
}

PrintCapture::~PrintCapture() { sink = nullptr; }

}  // namespace kproxy
