#include "network_interfaces.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "failure.h"
#include "file_descriptor.h"
#include "netlink.h"

namespace kproxy {

namespace {

// Each change may spoil a dump that is under way; nobody makes so many so fast for long.
constexpr int kTries = 16;

struct Interface {
  int index;
  std::string name;
  uint16_t hardware_type;
  uint32_t flags;
};

void Take(const nlmsghdr& header, std::vector<Interface>& interfaces) {
  if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) {
    return;
  }
  const auto* message = static_cast<const ifinfomsg*>(NLMSG_DATA(&header));
  Interface interface{message->ifi_index, {}, message->ifi_type, message->ifi_flags};
  size_t left = IFLA_PAYLOAD(&header);
  for (const rtattr* attribute = IFLA_RTA(message); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != IFLA_IFNAME) continue;
    const auto* text = static_cast<const char*>(RTA_DATA(attribute));
    interface.name.assign(text, strnlen(text, RTA_PAYLOAD(attribute)));
  }
  interfaces.push_back(std::move(interface));
}

}  // namespace

Napi::Value NetworkInterfaces(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<Interface> interfaces;
  int error = EINTR;
  for (int i = 0; i < kTries && error == EINTR; i++) {
    interfaces.clear();
    const FileDescriptor fd = OpenRouteSocket(0, 0);
    error = fd.open() ? Dump(fd.get(), RTM_GETLINK,
                             [&](const nlmsghdr& header) { Take(header, interfaces); })
                      : errno;
  }
  if (error != 0) return Throw(env, {error, "read", "the interfaces"});
  auto result = Napi::Array::New(env, interfaces.size());
  for (size_t i = 0; i < interfaces.size(); i++) {
    auto object = Napi::Object::New(env);
    object["index"] = Napi::Number::New(env, interfaces[i].index);
    object["name"] = interfaces[i].name;
    object["hardwareType"] = Napi::Number::New(env, interfaces[i].hardware_type);
    object["up"] = Napi::Boolean::New(env, (interfaces[i].flags & IFF_UP) != 0);
    object["loopback"] = Napi::Boolean::New(env, (interfaces[i].flags & IFF_LOOPBACK) != 0);
    result[static_cast<uint32_t>(i)] = object;
  }
  return result;
}

}  // namespace kproxy
