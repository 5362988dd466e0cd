/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - one process for all arms, interleaved slice by slice:
 *
 *   client KIND CPU ROUNDS SLICE_MS SEED < arms
 *
 * KIND: connect (time of connect(), closed by RST), tcp-rr, udp-rr (connected socket), udp-sendto
 * (unconnected socket); the last three exchange one byte. Each line of stdin is an arm:
 *
 *   NAME <tab> NETNS CGROUP TARGET[,TARGET...] PORT       ("-" for NETNS or CGROUP: stay)
 *
 * In every round each arm runs once for SLICE_MS, in an order shuffled anew. Before a slice the
 * process moves into the cgroup (socket hooks belong to cgroups) and the network namespace of the
 * arm's pod; a pod per arm also keeps conntrack tuples of different arms apart. Several targets
 * are used in turn, as a Service would spread them.
 *
 * stdout, JSON lines, nanoseconds:
 *   {"round", "arm", "count", "failures", "error", "p50", "p99", "mean", "histogram": [i, n, ...]}
 *   {"round", "steal"}   the machine's stolen share of CPU time during the round
 * Histogram buckets are log-linear, see bucket_of() and its twin in stats.ts.
 */
#include "common.h"

enum {
  MAX_ARMS = 64,
  MAX_TARGETS = 16,
  MAX_SAMPLES = 1 << 20,
  MAX_FAILURES = 20, /* per slice: a broken arm must not cost 2 s for each attempt */
  WARM_UP = 20,      /* uncounted operations at the start of a slice */
  SUB_BITS = 6,      /* 64 buckets to an octave: 1.6 % */
  BUCKETS = (64 - SUB_BITS + 1) << SUB_BITS,
};

struct arm {
  char name[64];
  struct place place;
  struct sockaddr_storage target[MAX_TARGETS];
  socklen_t target_size;
  unsigned targets;
};

struct slice {
  uint64_t end;
  size_t count;
  unsigned failures;
  const char *failed_call;
  int failed_errno;
};

typedef void operation(const struct arm *arm, struct slice *slice);

static uint64_t samples[MAX_SAMPLES];
static uint64_t random_state;

/* splitmix64: small, seeded, the same everywhere. */
static uint64_t random_u64(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Exact below 64; above it the top 7 bits of the value. */
static unsigned bucket_of(uint64_t value) {
  if (value < (1u << SUB_BITS)) return (unsigned)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
  return ((shift + 1) << SUB_BITS) + (unsigned)((value >> shift) & ((1u << SUB_BITS) - 1));
}

static void failed(struct slice *slice, const char *call) {
  if (!slice->failures++) {
    slice->failed_call = call;
    slice->failed_errno = errno;
  }
}

static int going_on(const struct slice *slice) {
  return slice->failures < MAX_FAILURES && slice->count < WARM_UP + MAX_SAMPLES &&
         now_ns() < slice->end;
}

static void sample(struct slice *slice, uint64_t value) {
  if (slice->count >= WARM_UP) samples[slice->count - WARM_UP] = value;
  slice->count++;
}

static int open_socket(int family, int type) {
  struct timeval patience = {.tv_sec = 2};
  int fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return fd;
}

static void measure_connect(const struct arm *arm, struct slice *slice) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  for (unsigned turn = 0; going_on(slice); turn++) {
    const struct sockaddr *target = (const struct sockaddr *)&arm->target[turn % arm->targets];
    int fd = open_socket(target->sa_family, SOCK_STREAM);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    uint64_t start = now_ns();
    int result = connect(fd, target, arm->target_size);
    uint64_t end = now_ns();
    if (result)
      failed(slice, "connect");
    else
      sample(slice, end - start);
    close(fd);
  }
}

static void exchange(int fd, const struct sockaddr *to, socklen_t size, struct slice *slice) {
  char byte = 'x';
  while (going_on(slice)) {
    uint64_t start = now_ns();
    if (sendto(fd, &byte, 1, MSG_NOSIGNAL, to, size) != 1)
      failed(slice, "send");
    else if (recv(fd, &byte, 1, 0) != 1)
      failed(slice, "recv");
    else
      sample(slice, now_ns() - start);
  }
}

static void measure_connected(const struct arm *arm, struct slice *slice, int type) {
  int on = 1;
  const struct sockaddr *target =
      (const struct sockaddr *)&arm->target[random_u64() % arm->targets];
  int fd = open_socket(target->sa_family, type);
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, target, arm->target_size))
    failed(slice, "connect");
  else
    exchange(fd, NULL, 0, slice);
  close(fd);
}

static void measure_tcp_rr(const struct arm *arm, struct slice *slice) {
  measure_connected(arm, slice, SOCK_STREAM);
}

static void measure_udp_rr(const struct arm *arm, struct slice *slice) {
  measure_connected(arm, slice, SOCK_DGRAM);
}

static void measure_udp_sendto(const struct arm *arm, struct slice *slice) {
  const struct sockaddr *target =
      (const struct sockaddr *)&arm->target[random_u64() % arm->targets];
  int fd = open_socket(target->sa_family, SOCK_DGRAM);
  exchange(fd, target, arm->target_size, slice);
  close(fd);
}

static int compare(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static void print_slice(unsigned round, const struct arm *arm, const struct slice *slice) {
  static unsigned histogram[BUCKETS];
  size_t count = slice->count > WARM_UP ? slice->count - WARM_UP : 0;
  double sum = 0;
  qsort(samples, count, sizeof(samples[0]), compare);
  memset(histogram, 0, sizeof(histogram));
  for (size_t i = 0; i < count; i++) {
    sum += (double)samples[i];
    histogram[bucket_of(samples[i])]++;
  }
  printf("{\"round\":%u,\"arm\":\"%s\",\"count\":%zu,\"failures\":%u,\"error\":\"", round,
         arm->name, count, slice->failures);
  if (slice->failures) printf("%s: %s", slice->failed_call, strerror(slice->failed_errno));
  printf("\",\"p50\":%llu,\"p99\":%llu,\"mean\":%.1f,\"histogram\":[",
         (unsigned long long)(count ? samples[count / 2] : 0),
         (unsigned long long)(count ? samples[count * 99 / 100] : 0),
         count ? sum / (double)count : 0.0);
  const char *separator = "";
  for (unsigned i = 0; i < BUCKETS; i++) {
    if (!histogram[i]) continue;
    printf("%s%u,%u", separator, i, histogram[i]);
    separator = ",";
  }
  puts("]}");
}

struct cpu_time {
  uint64_t total, steal;
};

static struct cpu_time read_cpu_time(void) {
  unsigned long long field[8] = {0};
  struct cpu_time time = {0};
  FILE *file = fopen("/proc/stat", "re");
  if (!file) die("cannot open /proc/stat");
  int found = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1],
                     &field[2], &field[3], &field[4], &field[5], &field[6], &field[7]);
  fclose(file);
  if (found != 8) die("cannot read the first line of /proc/stat");
  for (int i = 0; i < 8; i++) time.total += field[i];
  time.steal = field[7];
  return time;
}

static unsigned read_arms(struct arm *arms) {
  char line[1024], netns[256], cgroup[256], targets[256];
  unsigned count = 0;
  while (fgets(line, sizeof(line), stdin)) {
    struct arm *arm = &arms[count];
    int port;
    errno = 0;
    if (count == MAX_ARMS) die("more than %d arms", MAX_ARMS);
    if (sscanf(line, "%63[^\t]\t%255s %255s %255s %d", arm->name, netns, cgroup, targets, &port) !=
        5)
      die("not an arm (NAME <tab> NETNS CGROUP TARGET,... PORT): %s", line);
    arm->place = open_place(netns, cgroup);
    arm->targets = 0;
    for (char *text = strtok(targets, ","); text; text = strtok(NULL, ",")) {
      if (arm->targets == MAX_TARGETS)
        die("arm %s has more than %d targets", arm->name, MAX_TARGETS);
      arm->target_size = parse_address(text, port, &arm->target[arm->targets++]);
    }
    count++;
  }
  return count;
}

static operation *operation_of(const char *kind) {
  if (!strcmp(kind, "connect")) return measure_connect;
  if (!strcmp(kind, "tcp-rr")) return measure_tcp_rr;
  if (!strcmp(kind, "udp-rr")) return measure_udp_rr;
  if (!strcmp(kind, "udp-sendto")) return measure_udp_sendto;
  errno = 0;
  die("unknown kind %s: use connect, tcp-rr, udp-rr or udp-sendto", kind);
}

int main(int argument_count, char **arguments) {
  static struct arm arms[MAX_ARMS];
  unsigned order[MAX_ARMS];
  if (argument_count != 6) {
    fprintf(stderr, "usage: client KIND CPU ROUNDS SLICE_MS SEED < arms\n");
    return 2;
  }
  operation *measure = operation_of(arguments[1]);
  end_with_parent();
  pin_to_cpu(atoi(arguments[2]));
  unsigned rounds = (unsigned)atoi(arguments[3]);
  uint64_t duration = strtoull(arguments[4], NULL, 10) * 1000000u;
  random_state = strtoull(arguments[5], NULL, 10);
  unsigned count = read_arms(arms);
  memset(samples, 1, sizeof(samples)); /* no page faults between two clock readings */
  for (unsigned i = 0; i < count; i++) order[i] = i;

  for (unsigned round = 0; round < rounds; round++) {
    struct cpu_time before = read_cpu_time();
    for (unsigned i = count; i > 1; i--) {
      unsigned j = (unsigned)(random_u64() % i), swapped = order[i - 1];
      order[i - 1] = order[j];
      order[j] = swapped;
    }
    for (unsigned i = 0; i < count; i++) {
      const struct arm *arm = &arms[order[i]];
      enter(arm->place);
      struct slice slice = {.end = now_ns() + duration};
      measure(arm, &slice);
      print_slice(round, arm, &slice);
    }
    struct cpu_time after = read_cpu_time();
    printf("{\"round\":%u,\"steal\":%.5f}\n", round,
           after.total > before.total
               ? (double)(after.steal - before.steal) / (double)(after.total - before.total)
               : 0.0);
    fflush(stdout);
  }
  return 0;
}
