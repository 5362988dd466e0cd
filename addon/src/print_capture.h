// What libbpf says while something fails.
#pragma once

#include <string>

namespace kproxy {

// Collects libbpf's warnings on this thread for as long as it lives; outside of any capture libbpf
// is silent, because stderr belongs to the agent's log.
class PrintCapture {
 public:
  PrintCapture();
  ~PrintCapture();
  PrintCapture(const PrintCapture&) = delete;
  PrintCapture& operator=(const PrintCapture&) = delete;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace kproxy
