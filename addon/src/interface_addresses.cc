#include "interface_addresses.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "failure.h"
#include "file_descriptor.h"
#include "netlink.h"

namespace kproxy {

namespace {

// Each new address may spoil a dump that is under way; nobody adds so many so fast for long.
constexpr int kTries = 16;

struct Address {
  uint32_t index;
  std::string text;
  uint8_t prefix_length;
  uint8_t scope;
  uint32_t flags;
};

// RFC 5952, and dotted quads for v4-mapped addresses alone. inet_ntop() takes all of ::/96 for
// IPv4.
std::string Format(int family, const uint8_t* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  static constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::array<uint8_t, 12> kZeros{};
  if (family == AF_INET6 && memcmp(bytes, kMapped.data(), kMapped.size()) == 0) {
    family = AF_INET;
    bytes += kMapped.size();
  }
  if (family == AF_INET6 && memcmp(bytes, kZeros.data(), kZeros.size()) == 0) {
    const unsigned high = bytes[12] << 8 | bytes[13];
    const unsigned low = bytes[14] << 8 | bytes[15];
    if (high != 0) {
      snprintf(text.data(), text.size(), "::%x:%x", high, low);
    } else if (low != 0) {
      snprintf(text.data(), text.size(), "::%x", low);
    } else {
      return "::";
    }
    return text.data();
  }
  return inet_ntop(family, bytes, text.data(), text.size());
}

void Take(const nlmsghdr& header, std::vector<Address>& addresses) {
  if (header.nlmsg_type != RTM_NEWADDR || header.nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) {
    return;
  }
  const auto* message = static_cast<const ifaddrmsg*>(NLMSG_DATA(&header));
  const int family = message->ifa_family;
  if (family != AF_INET && family != AF_INET6) return;
  const size_t size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  const uint8_t* local = nullptr;
  const uint8_t* address = nullptr;
  uint32_t flags = message->ifa_flags;
  size_t left = IFA_PAYLOAD(&header);
  for (const rtattr* attribute = IFA_RTA(message); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    const auto* data = static_cast<const uint8_t*>(RTA_DATA(attribute));
    const size_t length = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == IFA_LOCAL && length == size) local = data;
    if (attribute->rta_type == IFA_ADDRESS && length == size) address = data;
    if (attribute->rta_type == IFA_FLAGS && length == sizeof(flags)) {
      memcpy(&flags, data, sizeof(flags));
    }
  }
  // IFA_ADDRESS is the other end's where there is one; without it IPv6 has no IFA_LOCAL.
  const uint8_t* bytes = local != nullptr ? local : address;
  if (bytes == nullptr) return;
  addresses.push_back({message->ifa_index, Format(family, bytes), message->ifa_prefixlen,
                       message->ifa_scope, flags});
}

// Empty for an interface that is gone meanwhile.
std::string InterfaceName(int fd, uint32_t index) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  if (ioctl(fd, SIOCGIFNAME, &request) != 0) return {};
  return {request.ifr_name, strnlen(request.ifr_name, sizeof(request.ifr_name))};
}

}  // namespace

Napi::Value InterfaceAddresses(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto fail = [&](int error) {
    return Throw(env, {error, "read", "the addresses of interfaces"});
  };
  const FileDescriptor names(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!names.open()) return fail(errno);
  std::vector<Address> addresses;
  int error = EINTR;
  for (int i = 0; i < kTries && error == EINTR; i++) {
    addresses.clear();
    const FileDescriptor fd = OpenRouteSocket(0, 0);
    error = fd.open() ? Dump(fd.get(), RTM_GETADDR,
                             [&](const nlmsghdr& header) { Take(header, addresses); })
                      : errno;
  }
  if (error != 0) return fail(error);

  std::map<uint32_t, std::string> interfaces;
  auto result = Napi::Array::New(env, addresses.size());
  for (size_t i = 0; i < addresses.size(); i++) {
    const Address& address = addresses[i];
    const auto [interface, fresh] = interfaces.try_emplace(address.index);
    if (fresh) interface->second = InterfaceName(names.get(), address.index);
    auto object = Napi::Object::New(env);
    object["index"] = Napi::Number::New(env, address.index);
    object["interface"] = interface->second;
    object["address"] = address.text;
    object["prefixLength"] = Napi::Number::New(env, address.prefix_length);
    object["scope"] = Napi::Number::New(env, address.scope);
    object["tentative"] = Napi::Boolean::New(env, (address.flags & IFA_F_TENTATIVE) != 0);
    object["dadFailed"] = Napi::Boolean::New(env, (address.flags & IFA_F_DADFAILED) != 0);
    result[static_cast<uint32_t>(i)] = object;
  }
  return result;
}

}  // namespace kproxy
