// SPDX-License-Identifier: Apache-2.0
// peer: servers that answer with their name, and clients that say what they met. One small static
// program, because the laboratory starts dozens and a JavaScript process costs 40 MB and 50 ms.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

static const char kHelp[] =
    "peer: servers and clients of the kproxy laboratory\n"
    "\n"
    "  peer serve --name NAME --port PORT... [--tcp] [--udp] [--bind ADDRESS]\n"
    "      Answers on every given port, both families. TCP: sends the line \"NAME CLIENT\" "
    "(CLIENT\n"
    "      is the client's address and port), then echoes. UDP: answers with that line, then the\n"
    "      payload. Without --tcp or --udp: both. Prints \"ready NAME\" when it listens.\n"
    "\n"
    "  peer connect ADDRESS PORT [--udp | --udp-connected] [--one-socket] [--count N]\n"
    "               [--interval MS] [--timeout MS]\n"
    "      Prints one JSON line per try: ok, server, errno, stage (the call that failed: connect,\n"
    "      send, receive), us (TCP: time of connect(); UDP: round trip), local, peername, from\n"
    "      (recvfrom's source), seen (this client's address as the server saw it).\n"
    "      --one-socket sends all datagrams from one UDP socket.\n"
    "\n"
    "  peer probe ADDRESS PORT [--udp | --udp-connected] [--keep] [--rate PER_SECOND]\n"
    "             [--timeout MS]\n"
    "      Tries until stdin ends or SIGTERM comes. Prints a JSON line when it meets a server or "
    "an\n"
    "      error for the first time, and at the end {tries, ok, errors: {ERRNO: n}, servers:\n"
    "      {NAME: n}, max_us, sockets}. --keep: as resolvers do, it sends from one UDP socket, "
    "again\n"
    "      where no answer comes, and makes another only when the socket fails.\n"
    "\n"
    "  peer stream ADDRESS PORT [--udp-connected] [--interval MS] [--timeout MS]\n"
    "      Keeps one connection and exchanges a line every interval until stdin ends or SIGTERM\n"
    "      comes; prints a JSON line when connected and {exchanges, error, server} at the end.\n"
    "\n"
    "An address like ::ffff:10.96.0.10 makes a v4-mapped socket. Defaults: --count 1, --interval "
    "0\n"
    "(stream: 10), --timeout 1000, --rate 200.\n"
    "Exit: 0 all tries succeeded, 1 some failed, 2 wrong usage or a failure of the machine.\n";

void Die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("peer: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(2);
}

static long ParseNumber(const char* what, const char* text, long low, long high) {
  char* end = NULL;
  errno = 0;
  const long value = strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
    Die("%s \"%s\" is not a number from %ld to %ld", what, text, low, high);
  return value;
}

static void ParseAddress(const char* text, uint16_t port, struct Options* options) {
  struct sockaddr_in* ipv4 = (struct sockaddr_in*)&options->address;
  struct sockaddr_in6* ipv6 = (struct sockaddr_in6*)&options->address;
  if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    options->address_size = sizeof(*ipv4);
  } else if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) == 1) {
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    options->address_size = sizeof(*ipv6);
  } else {
    Die("\"%s\" is not an IPv4 or IPv6 address", text);
  }
}

static void AddPort(const char* text, struct Options* options) {
  if (options->port_count == kMaxPorts) Die("more than %d ports", kMaxPorts);
  options->ports[options->port_count++] = (uint16_t)ParseNumber("port", text, 1, 65535);
}

enum {
  kOptName = 256,
  kOptPort,
  kOptBind,
  kOptTcp,
  kOptUdp,
  kOptUdpConnected,
  kOptOneSocket,
  kOptKeep,
  kOptCount,
  kOptInterval,
  kOptTimeout,
  kOptRate,
};

static const struct option kOptions[] = {
    {"name", required_argument, NULL, kOptName},
    {"port", required_argument, NULL, kOptPort},
    {"bind", required_argument, NULL, kOptBind},
    {"tcp", no_argument, NULL, kOptTcp},
    {"udp", no_argument, NULL, kOptUdp},
    {"udp-connected", no_argument, NULL, kOptUdpConnected},
    {"one-socket", no_argument, NULL, kOptOneSocket},
    {"keep", no_argument, NULL, kOptKeep},
    {"count", required_argument, NULL, kOptCount},
    {"interval", required_argument, NULL, kOptInterval},
    {"timeout", required_argument, NULL, kOptTimeout},
    {"rate", required_argument, NULL, kOptRate},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void ParseOption(int option, struct Options* options) {
  switch (option) {
    case kOptName:
      if (strlen(optarg) >= kNameSize || strpbrk(optarg, " \n\"\\") != NULL)
        Die("--name \"%s\" is too long or holds a blank, quote or backslash", optarg);
      options->name = optarg;
      break;
    case kOptPort:
      AddPort(optarg, options);
      break;
    case kOptBind:
      ParseAddress(optarg, 0, options);
      break;
    case kOptTcp:
      options->tcp = true;
      break;
    case kOptUdp:
      options->udp = true;
      options->transport = kUdp;
      break;
    case kOptUdpConnected:
      options->transport = kUdpConnected;
      break;
    case kOptOneSocket:
      options->one_socket = true;
      break;
    case kOptKeep:
      options->keep = true;
      break;
    case kOptCount:
      options->count = ParseNumber("--count", optarg, 1, 1000000000);
      break;
    case kOptInterval:
      options->interval_ms = ParseNumber("--interval", optarg, 0, 3600000);
      break;
    case kOptTimeout:
      options->timeout_ms = ParseNumber("--timeout", optarg, 1, 3600000);
      break;
    case kOptRate:
      options->rate = ParseNumber("--rate", optarg, 1, 1000000);
      break;
    case 'h':
      fputs(kHelp, stdout);
      exit(0);
    default:
      Die("see peer --help");
  }
}

int main(int argc, char** argv) {
  struct Options options = {
      .name = "", .count = 1, .interval_ms = -1, .timeout_ms = 1000, .rate = 200};
  for (int option; (option = getopt_long(argc, argv, "h", kOptions, NULL)) != -1;)
    ParseOption(option, &options);
  const char* role = optind < argc ? argv[optind++] : "";
  // The reader of a pipe may want each line when it is written.
  setvbuf(stdout, NULL, _IOLBF, 0);

  if (strcmp(role, "serve") == 0) {
    if (optind != argc) Die("serve takes no argument \"%s\"", argv[optind]);
    if (options.name[0] == '\0') Die("serve needs --name");
    if (options.port_count == 0) Die("serve needs --port");
    if (!options.tcp && !options.udp) options.tcp = options.udp = true;
    return Serve(&options);
  }
  int (*run)(const struct Options*) = strcmp(role, "connect") == 0  ? Connect
                                      : strcmp(role, "probe") == 0  ? Probe
                                      : strcmp(role, "stream") == 0 ? Stream
                                                                    : NULL;
  if (run == NULL) Die("\"%s\" is not serve, connect, probe or stream; see peer --help", role);
  if (argc - optind != 2) Die("%s needs ADDRESS PORT", role);
  ParseAddress(argv[optind], (uint16_t)ParseNumber("port", argv[optind + 1], 0, 65535), &options);
  return run(&options);
}
