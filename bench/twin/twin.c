/*
 * twin ROW FOLDER: the rows of `rows.mjs` in plain C, over the same streams and the same memory layout (slots and their
 * stride, columns, tables). What the JavaScript is measured against. Prints nanoseconds a frame of the fastest sample
 * and of the median one, and a digest of what the first rounds carried, by which bench.mjs sees that both do the same.
 */
#include <stdio.h>
#include <time.h>

#include "datapath.h"

enum { FRAME_BYTES = 64, STREAM = 1 << 20, LOOKUPS = 1024, CHECKED = 100, WARM_UP = 2000, SAMPLES = 100 };
static const double SAMPLE_NS = 1e7;

static uint32_t order[STREAM], keys[STREAM], position, lookups_size;
static uint8_t frames[FRAMES][FRAME_BYTES];

static uint8_t *slot_bytes(int32_t slot) { return slab + (size_t)slot * SLOT_BYTES + HEADROOM; }

static void flush(void) { swallow(&outbound), swallow(&inbound); }

static void fill(int32_t length) {
  for (int32_t i = 0; i < BATCH; i++) {
    received.slot[i] = (int32_t)order[position];
    received.length[i] = length;
    position = (position + 1) & (STREAM - 1);
  }
  received.count = BATCH;
}

static void run_encap(void) { fill(FRAME_BYTES), encap(), flush(); }
static void run_decap(void) { fill(FRAME_BYTES + VXLAN), decap(), flush(); }

static void drain_events(void) {
  __atomic_store_n(&events.asleep, 1, __ATOMIC_SEQ_CST);
  while (events.tail != __atomic_load_n(&events.head, __ATOMIC_SEQ_CST))
    __atomic_store_n(&events.tail, events.tail + 1, __ATOMIC_SEQ_CST);
}

static void run_learn(void) {
  static int32_t learned;
  if (learned % fdb.capacity == 0) {
    memset(fdb.words, 0, sizeof *fdb.words * (fdb.places + PROBES) * (size_t)fdb.width);
    fdb.count = 0;
  }
  for (int32_t i = 0; i < BATCH; i++) {
    learned++;
    memcpy(slot_bytes(i) + VXLAN + 8, &learned, 4);
    received.length[i] = FRAME_BYTES + VXLAN;
  }
  received.count = BATCH;
  decap(), flush(), drain_events();
}

static void run_proxy(void) {
  static const uint8_t request[44] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0,
                                      1,   2,   0,   0,   0,   0,   1, 10, 0, 0, 9};
  for (int32_t i = 0; i < BATCH; i++) {
    memcpy(slot_bytes(i), request, sizeof request);
    write32(slot_bytes(i) + 38, 0x0a000000 | order[position]);
    position = (position + 1) & (STREAM - 1);
    received.length[i] = 60;
  }
  received.count = BATCH;
  encap(), flush(), drain_events();
}

static inline uint32_t look(uint32_t at) {
  uint32_t key = keys[at & (STREAM - 1)];
  int32_t high = key & 0x80000000 ? 0x0300 : 0x0200;
  int32_t entry = find2(&fdb, LINK << 16 | high, (int32_t)((key & 0x7fffffff) % lookups_size * 0x9e3779b1));
  return entry < 0 ? 1 : (uint32_t)fdb.words[entry + 2] >> 8;
}
static void run_lookup(void) {
  uint32_t sum = 0;
  for (int32_t i = 0; i < LOOKUPS; i++) sum += look(position++);
  digest += sum;
}
static void run_dependent(void) {
  for (int32_t i = 0; i < LOOKUPS; i++) position += 1 + look(position);
  digest = position;
}

static void insert_entry(int32_t low, int32_t value) {
  const int32_t key[] = {LINK << 16 | 0x0200, low};
  int32_t entry = insert(&fdb, key);
  fdb.words[entry + 2] = value;
}

static void datagrams(int32_t vni) {
  for (int32_t i = 0; i < FRAMES; i++) {
    memmove(slot_bytes(i) + VXLAN, slot_bytes(i), FRAME_BYTES);
    write_header(slot_bytes(i), vni);
  }
}

static int32_t acquire_ipv4(uint32_t ip) { return acquire((const int32_t[]){0, 0, 0xffff, (int32_t)ip}); }

static void add_default(uint32_t ip) {
  int32_t *run = floods + (flood_heads[LINK] = 1); // floods[0] is 0: a list without any
  run[++run[0]] = acquire_ipv4(ip);
}

static void read_file(const char *folder, const char *name, void *to, size_t bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file || fread(to, 1, bytes, file) != bytes) {
    fprintf(stderr, "twin: %s cannot be read\n", path);
    exit(2);
  }
  fclose(file);
}

/* A world as `rows.mjs` makes it. */
static void make_world(const char *folder) {
  slab = calloc(FRAMES, SLOT_BYTES);
  read_file(folder, "frames", frames, sizeof frames);
  read_file(folder, "order", order, sizeof order);
  read_file(folder, "keys", keys, sizeof keys);
  for (int32_t i = 0; i < FRAMES; i++) memcpy(slot_bytes(i), frames[i], FRAME_BYTES);
  for (int32_t i = 0; i < BATCH; i++) {
    received.slot[i] = i, received.start[i] = HEADROOM, received.length[i] = FRAME_BYTES + VXLAN;
    received.from[2][i] = 0xffff, received.from[3][i] = 0x0a090001, received.from_port[i] = 50000;
  }
  fdb = make_table(131072, 5, 2), links = make_table(1, 3, 2), neighbors = make_table(16384, 8, 5);
  own = make_table(1024, 5, 4), remote_index = make_table(REMOTES, 7, 6);
  links.words[insert(&links, (const int32_t[]){ENDPOINT, 42}) + 2] = LINK;
  link_of[LINK].vni = 42, link_of[LINK].flags = LEARNING, link_of[LINK].max_addresses = INT32_MAX;
}

static void fill_lookups(uint32_t size) {
  lookups_size = size;
  free(fdb.words);
  fdb = make_table((int32_t)size, 5, 2);
  for (uint32_t i = 0; i < size; i++) insert_entry((int32_t)(i * 0x9e3779b1), (int32_t)((i & 1023) << 8 | LEARNED));
}

static bool is_missing(int32_t i) { return i >= FRAMES * 0.9; }

typedef void (*row)(void);

/* Readies the world for a row; what runs it. */
static row prepare(const char *name) {
  if (!strncmp(name, "lookup-", 7)) {
    fill_lookups(strstr(name, "1m") ? 1000000 : strstr(name, "100k") ? 100000 : 1000);
    return strstr(name, "dependent") ? run_dependent : run_lookup;
  }
  if (!strcmp(name, "learn")) return datagrams(42), run_learn;
  if (!strcmp(name, "decap")) return datagrams(42), run_decap;
  if (!strcmp(name, "parse-and-drop")) return datagrams(43), run_decap;
  if (!strcmp(name, "proxy-answer")) {
    link_of[LINK].flags |= PROXY;
    for (int32_t i = 0; !is_missing(i); i++) {
      int32_t at = insert(&neighbors, (const int32_t[]){0, 0, 0xffff, 0x0a000000 | i, LINK});
      neighbors.words[at + 5] = 0x0200, neighbors.words[at + 6] = i;
    }
    return run_proxy;
  }
  add_default(0x0a090001);
  if (!strcmp(name, "flood-8"))
    for (uint32_t k = 2; k <= 8; k++) add_default(0x0a090000 | k);
  if (!strcmp(name, "encap-lookup"))
    for (int32_t i = 0; !is_missing(i); i++)
      insert_entry(i, acquire_ipv4(0x0a080000 | (uint32_t)(i & 15)) << 8 | PERMANENT);
  return run_encap;
}

static double nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }

int main(int count, char **words) {
  if (count < 3) return 2;
  make_world(words[2]);
  row run = prepare(words[1]);
  double frames_a_run = run == run_lookup || run == run_dependent ? LOOKUPS : BATCH;
  digesting = 1;
  for (int i = 0; i < CHECKED; i++) run();
  uint32_t carried = digest;
  digesting = 0;
  for (int i = 0; i < WARM_UP; i++) run();
  double samples[SAMPLES];
  for (int s = 0; s < SAMPLES; s++) {
    double began = nanoseconds(), elapsed = 0, runs = 0;
    for (; elapsed < SAMPLE_NS; elapsed = nanoseconds() - began, runs += 100)
      for (int i = 0; i < 100; i++) run();
    samples[s] = elapsed / runs / frames_a_run;
  }
  qsort(samples, SAMPLES, sizeof *samples, ascending);
  printf("{\"best\":%f,\"median\":%f,\"digest\":%u}\n", samples[0], samples[SAMPLES / 2], carried);
  return 0;
}
