#include "constants.h"

#include <bpf/btf.h>

#include <cerrno>
#include <cstring>

namespace kproxy {

namespace {

constexpr char kOperation[] = "set constant";

struct Variable {
  bpf_map* section;
  uint32_t offset;
  uint32_t size;
  bool is_signed;
  bool is_scalar;
};

bool IsReadOnlyData(const bpf_map* map) {
  if (!bpf_map__is_internal(map)) return false;
  const char* section = strchr(bpf_map__name(map), '.');
  return section != nullptr && strncmp(section, ".rodata", 7) == 0;
}

Variable Describe(const btf* types, bpf_map* section, const btf_var_secinfo& place) {
  const btf_type* variable = btf__type_by_id(types, place.type);
  const btf_type* type = btf__type_by_id(types, btf__resolve_type(types, variable->type));
  const bool is_int = type != nullptr && btf_is_int(type);
  const bool is_enum = type != nullptr && btf_is_any_enum(type);
  return {section, place.offset, place.size,
          is_int ? (btf_int_encoding(type) & BTF_INT_SIGNED) != 0 : is_enum && btf_kflag(type),
          is_int || is_enum};
}

std::optional<Variable> Find(bpf_object* object, const std::string& name) {
  const btf* types = bpf_object__btf(object);
  if (types == nullptr) return std::nullopt;
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    if (!IsReadOnlyData(map)) continue;
    const int id = btf__find_by_name_kind(types, strchr(bpf_map__name(map), '.'), BTF_KIND_DATASEC);
    if (id < 0) continue;
    const btf_type* section = btf__type_by_id(types, id);
    const btf_var_secinfo* places = btf_var_secinfos(section);
    for (int i = 0; i < btf_vlen(section); i++) {
      const btf_type* variable = btf__type_by_id(types, places[i].type);
      if (name == btf__name_by_offset(types, variable->name_off)) {
        return Describe(types, map, places[i]);
      }
    }
  }
  return std::nullopt;
}

bool Fits(const Constant& constant, const Variable& variable) {
  const uint32_t bits = variable.size * 8;
  if (!variable.is_signed) {
    return !constant.negative && (bits == 64 || constant.value >> bits == 0);
  }
  if (bits == 64) return constant.negative || constant.value >> 63 == 0;
  const auto value = static_cast<int64_t>(constant.value);
  const int64_t limit = int64_t{1} << (bits - 1);
  return constant.negative ? value >= -limit : constant.value < static_cast<uint64_t>(limit);
}

bool Write(const Constant& constant, const Variable& variable) {
  size_t size = 0;
  const auto* initial =
      static_cast<const uint8_t*>(bpf_map__initial_value(variable.section, &size));
  if (initial == nullptr || size_t{variable.offset} + variable.size > size) return false;
  std::vector<uint8_t> bytes(initial, initial + size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  const size_t skip = sizeof(constant.value) - variable.size;
#else
  const size_t skip = 0;
#endif
  memcpy(bytes.data() + variable.offset, reinterpret_cast<const uint8_t*>(&constant.value) + skip,
         variable.size);
  return bpf_map__set_initial_value(variable.section, bytes.data(), size) == 0;
}

}  // namespace

std::optional<Failure> SetConstants(bpf_object* object, const std::vector<Constant>& constants,
                                    const std::string& path) {
  for (const auto& constant : constants) {
    const auto variable = Find(object, constant.name);
    if (!variable) {
      return Failure{ENOENT, kOperation, constant.name,
                     "there is no `const volatile` global of that name in " + path};
    }
    if (!variable->is_scalar || variable->size > sizeof(constant.value)) {
      return Failure{EINVAL, kOperation, constant.name, "it is not an integer, a bool or an enum"};
    }
    if (!Fits(constant, *variable)) {
      return Failure{ERANGE, kOperation, constant.name,
                     "the value does not fit into " + std::to_string(variable->size) +
                         (variable->is_signed ? " signed" : " unsigned") + " bytes"};
    }
    if (!Write(constant, *variable)) return Failure{EINVAL, kOperation, constant.name};
  }
  return std::nullopt;
}

}  // namespace kproxy
