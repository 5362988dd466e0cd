// SPDX-License-Identifier: Apache-2.0
// The client roles: some tries with a line each, an endless probe, one long connection.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

enum { kMaxNames = 256 };

struct Counter {
  char name[kNameSize];
  long count;
};

struct Counters {
  struct Counter items[kMaxNames];
  int size;
};

// Counts `name`; true when it is new.
static bool Count(struct Counters* counters, const char* name) {
  for (int index = 0; index < counters->size; ++index) {
    if (strcmp(counters->items[index].name, name) == 0) {
      ++counters->items[index].count;
      return false;
    }
  }
  if (counters->size == kMaxNames) Die("more than %d different names", kMaxNames);
  struct Counter* item = &counters->items[counters->size++];
  snprintf(item->name, sizeof(item->name), "%s", name);
  item->count = 1;
  return true;
}

static void PrintCounters(const struct Counters* counters) {
  putchar('{');
  for (int index = 0; index < counters->size; ++index)
    printf("%s\"%s\":%ld", index > 0 ? "," : "", counters->items[index].name,
           counters->items[index].count);
  putchar('}');
}

static void PrintTry(const struct Try* result) {
  printf("{\"ok\":%s,\"server\":\"%s\",\"errno\":\"%s\",\"stage\":\"%s\",\"us\":%ld,",
         result->error == 0 ? "true" : "false", result->server,
         result->error == 0 ? "" : ErrnoName(result->error),
         result->error == 0 ? "" : result->stage, (long)result->microseconds);
  printf("\"local\":\"%s\",\"peername\":\"%s\",\"from\":\"%s\",\"seen\":\"%s\"}\n", result->local,
         result->peername, result->from, result->seen);
}

int Connect(const struct Options* options) {
  CatchStopSignals();
  if (options->one_socket && options->transport == kTcp) Die("--one-socket is for UDP");
  const int fd = options->one_socket ? OpenClient(options) : -1;
  bool all = true;
  for (long index = 0; index < options->count && !Stopped(); ++index) {
    if (index > 0 && options->interval_ms > 0) usleep((useconds_t)options->interval_ms * 1000);
    struct Try result;
    TryOnce(options, fd, &result);
    PrintTry(&result);
    all = all && result.error == 0;
  }
  return all ? 0 : 1;
}

int Probe(const struct Options* options) {
  CatchStopSignals();
  if (options->keep && options->transport == kTcp) Die("--keep is for UDP");
  static struct Counters servers, errors;
  int kept = -1;
  long sockets = 0;
  long tries = 0, ok = 0;
  int64_t slowest = 0;
  const int64_t start = NowMicroseconds();
  const int64_t pause = 1000000 / options->rate;
  int64_t next = start;
  for (;;) {
    const int64_t wait = next - NowMicroseconds();
    if (!SleepUnlessStopped(wait > 0 ? wait : 0)) break;
    next += pause;
    // After a slow try go on at the usual pace, instead of making up for it with a burst.
    if (next < NowMicroseconds()) next = NowMicroseconds();
    struct Try result;
    if (kept < 0) {
      ++sockets;
      if (options->keep) kept = OpenClient(options);
    }
    TryOnce(options, kept, &result);
    if (result.error == EINTR && Stopped()) break;
    if (kept >= 0 && result.error != 0 && result.error != ETIMEDOUT) {
      close(kept);
      kept = -1;
    }
    ++tries;
    if (result.microseconds > slowest) slowest = result.microseconds;
    const long at = (long)((NowMicroseconds() - start) / 1000);
    if (result.error == 0) {
      ++ok;
      if (Count(&servers, result.server))
        printf("{\"event\":\"server\",\"name\":\"%s\",\"ms\":%ld}\n", result.server, at);
    } else if (Count(&errors, ErrnoName(result.error))) {
      printf("{\"event\":\"error\",\"name\":\"%s\",\"stage\":\"%s\",\"ms\":%ld}\n",
             ErrnoName(result.error), result.stage, at);
    }
  }
  printf("{\"tries\":%ld,\"ok\":%ld,\"errors\":", tries, ok);
  PrintCounters(&errors);
  printf(",\"servers\":");
  PrintCounters(&servers);
  printf(",\"max_us\":%ld,\"sockets\":%ld}\n", (long)slowest, sockets);
  return tries > 0 && ok == tries ? 0 : 1;
}

// Sends a numbered line and reads until it is back. A UDP server puts its greeting before the
// payload, so the line is looked for at the end of what came.
static int ExchangeLine(int fd, const struct Options* options, long number) {
  char line[32], buffer[kDatagramSize];
  const int length = snprintf(line, sizeof(line), "exchange %ld\n", number);
  if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length) return errno;
  size_t filled = 0;
  while (filled < sizeof(buffer)) {
    const int error = AwaitReadable(fd, options->timeout_ms);
    if (error != 0) return error;
    const ssize_t got = recv(fd, buffer + filled, sizeof(buffer) - filled, 0);
    if (got < 0) return errno;
    if (got == 0) return EPIPE;
    filled += (size_t)got;
    if (filled >= (size_t)length && memcmp(buffer + filled - length, line, (size_t)length) == 0)
      return 0;
  }
  return EPROTO;
}

int Stream(const struct Options* options) {
  CatchStopSignals();
  if (options->transport == kUdp) Die("stream needs a connection: use --udp-connected");
  const long interval = options->interval_ms >= 0 ? options->interval_ms : 10;
  const int fd = OpenClient(options);
  struct Try result;
  TryOnce(options, fd, &result);
  PrintTry(&result);
  long exchanges = 0;
  int error = result.error;
  while (error == 0 && SleepUnlessStopped(interval * 1000)) {
    error = ExchangeLine(fd, options, exchanges);
    if (error == 0) ++exchanges;
  }
  printf("{\"exchanges\":%ld,\"error\":\"%s\",\"server\":\"%s\"}\n", exchanges,
         error == 0 ? "" : ErrnoName(error), result.server);
  return error == 0 ? 0 : 1;
}
