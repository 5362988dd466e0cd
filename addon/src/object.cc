#include "object.h"

#include <malloc.h>

#include "arguments.h"
#include "loader.h"
#include "map.h"

namespace kproxy {

namespace {

// Calls `visit(name, value)` for each [name, value] of an array.
template <typename Visit>
void ForEachPair(const Napi::Value& list, Visit visit) {
  const auto array = list.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const auto pair = array.Get(i).As<Napi::Array>();
    visit(Text(pair.Get(0u)), pair.Get(1u));
  }
}

Constant ToConstant(std::string name, const Napi::Value& value) {
  const auto number = value.As<Napi::BigInt>();
  bool lossless = false;
  const int64_t as_signed = number.Int64Value(&lossless);
  if (lossless && as_signed < 0) return {std::move(name), static_cast<uint64_t>(as_signed), true};
  return {std::move(name), number.Uint64Value(&lossless), false};
}

LoadRequest ReadRequest(const Napi::CallbackInfo& info) {
  LoadRequest request{Text(info[0]), {}, {}, {}, {}};
  ForEachPair(info[1], [&](std::string name, const Napi::Value& path) {
    request.pins.push_back({std::move(name), Text(path)});
  });
  ForEachPair(info[2], [&](std::string name, const Napi::Value& value) {
    request.constants.push_back(ToConstant(std::move(name), value));
  });
  ForEachPair(info[3], [&](std::string name, const Napi::Value& entries) {
    request.capacities.push_back({std::move(name), Unsigned(entries)});
  });
  const auto skip = info[4].As<Napi::Array>();
  for (uint32_t i = 0; i < skip.Length(); i++) request.skip_programs.push_back(Text(skip.Get(i)));
  return request;
}

Napi::Array Entry(Napi::Env env, const std::string& name, std::unique_ptr<Resource> resource) {
  auto pair = Napi::Array::New(env, 2);
  pair[0u] = name;
  pair[1u] = Wrap(env, std::move(resource));
  return pair;
}

}  // namespace

Napi::Value LoadObjectFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto result = LoadObject(ReadRequest(info));
  // An object that asks for the kernel's BTF leaves 11 MB of free memory with us otherwise.
  malloc_trim(0);
  if (auto* failure = std::get_if<Failure>(&result)) return Throw(env, *failure);
  auto& loaded = std::get<LoadedObject>(result);
  auto maps = Napi::Array::New(env);
  for (auto& [name, fd] : loaded.maps) {
    auto map = MakeMap(std::move(fd), name);
    if (auto* failure = std::get_if<Failure>(&map)) return Throw(env, *failure);
    maps[maps.Length()] = Entry(env, name, std::move(std::get<std::unique_ptr<Map>>(map)));
  }
  auto programs = Napi::Array::New(env);
  for (auto& [name, fd] : loaded.programs) {
    programs[programs.Length()] = Entry(env, name, std::make_unique<Program>(std::move(fd), name));
  }
  auto object = Napi::Object::New(env);
  object["maps"] = maps;
  object["programs"] = programs;
  return object;
}

}  // namespace kproxy
