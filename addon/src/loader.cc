#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "print_capture.h"

namespace kproxy {

namespace {

// The largest log that kernels before 6.4 accept. Untouched pages cost nothing, and a log that
// does not fit would turn the verifier's errno into ENOSPC.
constexpr size_t kVerifierLogSize = (16 << 20) - 1;

using ObjectPointer = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

// Data sections go by their section's name: libbpf puts a piece of the file's name before it.
std::string MapName(const bpf_map* map) {
  const char* name = bpf_map__name(map);
  const char* section = bpf_map__is_internal(map) ? strchr(name, '.') : nullptr;
  return section != nullptr ? section : name;
}

Failure Unknown(const char* operation, const std::string& name, const std::string& path) {
  return {ENOENT, operation, name, "there is none of that name in " + path};
}

std::optional<Failure> Configure(bpf_object* object, const LoadRequest& request) {
  bpf_map* map;
  // Pins are where the caller says; what the file says about them would be a second opinion.
  bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, nullptr);
  for (const auto& pin : request.pins) {
    map = bpf_object__find_map_by_name(object, pin.map.c_str());
    if (map == nullptr) return Unknown("set the pin of map", pin.map, request.path);
    if (int error = bpf_map__set_pin_path(map, pin.path.c_str())) {
      return Failure{-error, "set the pin of map", pin.map};
    }
  }
  for (const auto& capacity : request.capacities) {
    map = bpf_object__find_map_by_name(object, capacity.map.c_str());
    if (map == nullptr) return Unknown("set max entries of map", capacity.map, request.path);
    if (int error = bpf_map__set_max_entries(map, capacity.max_entries)) {
      return Failure{-error, "set max entries of map", capacity.map};
    }
  }
  for (const auto& name : request.skip_programs) {
    bpf_program* program = bpf_object__find_program_by_name(object, name.c_str());
    if (program == nullptr) return Unknown("skip program", name, request.path);
    bpf_program__set_autoload(program, false);
  }
  return SetConstants(object, request.constants, request.path);
}

std::string Difference(const char* field, uint32_t pinned, uint32_t wanted) {
  if (pinned == wanted) return "";
  return std::string(" ") + field + " " + std::to_string(pinned) + " instead of " +
         std::to_string(wanted) + ";";
}

// libbpf refuses a pinned map of another shape with a bare EINVAL: say which map, and what differs.
std::optional<Failure> ExplainPins(bpf_object* object, int error) {
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    const char* path = bpf_map__pin_path(map);
    if (path == nullptr) continue;
    const FileDescriptor fd(bpf_obj_get(path));
    bpf_map_info pinned{};
    uint32_t size = sizeof(pinned);
    if (!fd.open() || bpf_obj_get_info_by_fd(fd.get(), &pinned, &size) != 0) continue;
    const std::string differences =
        Difference("type", pinned.type, bpf_map__type(map)) +
        Difference("key size", pinned.key_size, bpf_map__key_size(map)) +
        Difference("value size", pinned.value_size, bpf_map__value_size(map)) +
        Difference("max entries", pinned.max_entries, bpf_map__max_entries(map)) +
        Difference("flags", pinned.map_flags, bpf_map__map_flags(map));
    if (differences.empty()) continue;
    return Failure{
        error, "reuse the pinned map", MapName(map),
        "the pin " + std::string(path) + " has" + differences.substr(0, differences.size() - 1)};
  }
  return std::nullopt;
}

// The first quoted name after `lead` in a line of libbpf's that goes on with `rest`.
std::string QuotedName(const std::string& text, const std::string& lead, const std::string& rest) {
  const size_t end = text.find("'" + rest);
  if (end == std::string::npos) return "";
  const size_t start = text.rfind(lead + "'", end);
  if (start == std::string::npos) return "";
  const size_t name = start + lead.size() + 1;
  return text.substr(name, end - name);
}

// libbpf names the cause first and then everything that failed in consequence.
std::string FirstWarning(const std::string& warnings) {
  constexpr std::string_view kPrefix = "libbpf: ";
  const std::string line = warnings.substr(0, warnings.find('\n'));
  return line.starts_with(kPrefix) ? line.substr(kPrefix.size()) : line;
}

Failure ExplainLoad(bpf_object* object, int error, const std::string& path,
                    const std::string& warnings, const char* log) {
  const std::string program = QuotedName(warnings, "prog ", ": BPF program load failed");
  if (!program.empty()) return {error, "load program", program, "", log};
  if (auto pins = ExplainPins(object, error)) return *pins;
  return {error, "load", path, FirstWarning(warnings), log};
}

template <typename T>
std::optional<Failure> Keep(std::vector<Loaded>* list, const T& name, int fd) {
  auto copy = FileDescriptor::Duplicate(fd);
  if (!copy.open()) return Failure{errno, "duplicate the descriptor of", name};
  list->push_back({name, std::move(copy)});
  return std::nullopt;
}

}  // namespace

Result<LoadedObject> LoadObject(const LoadRequest& request) {
  const PrintCapture warnings;
  const std::unique_ptr<char[]> log(new char[kVerifierLogSize]);
  log[0] = '\0';
  LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_buf = log.get(),
              .kernel_log_size = kVerifierLogSize);
  const ObjectPointer object(bpf_object__open_file(request.path.c_str(), &options),
                             bpf_object__close);
  if (!object) return Failure{errno, "open", request.path, FirstWarning(warnings.text())};
  if (auto failure = Configure(object.get(), request)) return *failure;
  if (int error = bpf_object__load(object.get())) {
    return ExplainLoad(object.get(), -error, request.path, warnings.text(), log.get());
  }

  LoadedObject loaded;
  bpf_map* map;
  bpf_object__for_each_map(map, object.get()) {
    const int fd = bpf_map__fd(map);
    if (fd < 0) continue;
    if (auto failure = Keep(&loaded.maps, MapName(map), fd)) return *failure;
  }
  bpf_program* program;
  bpf_object__for_each_program(program, object.get()) {
    const int fd = bpf_program__autoload(program) ? bpf_program__fd(program) : -1;
    if (fd < 0) continue;
    const std::string name = bpf_program__name(program);
    if (auto failure = Keep(&loaded.programs, name, fd)) return *failure;
  }
  return loaded;
}

}  // namespace kproxy
