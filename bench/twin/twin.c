/*
 * twin ROW FOLDER: the same loops in plain C, over the same memory layout (slots, headroom, tables of five words an
 * entry), the same hashes, and the same streams. What the JavaScript is measured against.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRAMES = 256, FRAME_BYTES = 64, STREAM = 1 << 20, BATCH = 64, QUEUE = 1024, LOOKUPS = 1024 };
enum { SLOT_BYTES = 68 * 1024 + 64, HEADROOM = 64, VXLAN = 8, PROBES = 128, LINK = 1, REMOTE_WORDS = 8 };

static uint8_t *slab, frames[FRAMES][FRAME_BYTES];
static uint32_t order[STREAM], keys[STREAM];
static int32_t slot[BATCH], length[BATCH], from[4] = {0, 0, 0xffff, 0x0a090001};
static struct item { int32_t slot, start, length, target, flow; } queue[QUEUE];
static int queued, position;
static double tx_frames, flooded, dropped, answered, received;
static volatile int32_t sink;

static uint32_t read32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static uint32_t read16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static void write32(uint8_t *p, uint32_t v) { p[0] = v >> 24, p[1] = v >> 16, p[2] = v >> 8, p[3] = v; }

/* tables/open-table.ts */
struct table { int32_t *words; uint32_t places, seed; int width, count, version; };

static uint32_t scramble(uint32_t h) {
  h = (h ^ h >> 16) * 0x7feb352d;
  h = (h ^ h >> 15) * 0x846ca68b;
  return h ^ h >> 16;
}
static size_t home(const struct table *t, uint32_t k0, uint32_t k1) {
  uint32_t hash = scramble(scramble(t->seed ^ k0) * 0x9e3779b1 ^ k1);
  return (size_t)((uint64_t)hash * t->places >> 32) * t->width;
}
static struct table make_table(int capacity, int width) {
  struct table t = {.places = (uint32_t)(capacity / 0.625) + 1, .width = width, .seed = 12345};
  t.words = calloc((t.places + PROBES) * width, 4);
  return t;
}
static int64_t find(const struct table *t, int32_t k0, int32_t k1) {
  for (;;) {
    int version = __atomic_load_n(&t->version, __ATOMIC_SEQ_CST);
    size_t at = home(t, k0, k1), end = at + PROBES * t->width;
    for (; at < end; at += t->width) {
      int32_t w0 = t->words[at], w1 = t->words[at + 1];
      if (w0 == k0 && w1 == k1) return at;
      if (w0 == 0 && w1 == 0) break;
    }
    if (__atomic_load_n(&t->version, __ATOMIC_SEQ_CST) == version) return -1;
  }
}
static int64_t insert(struct table *t, int32_t k0, int32_t k1, int32_t value) {
  size_t at = home(t, k0, k1);
  while (t->words[at] != 0 || t->words[at + 1] != 0) at += t->width;
  t->words[at + 2] = value, t->words[at + 3] = t->words[at + 4] = 0;
  __atomic_store_n(&t->words[at + 1], k1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&t->words[at], k0, __ATOMIC_SEQ_CST);
  t->count++;
  return at;
}
static void take_out(struct table *t, size_t hole) {
  __atomic_add_fetch(&t->version, 1, __ATOMIC_SEQ_CST);
  for (size_t next = hole + t->width; t->words[next] != 0 || t->words[next + 1] != 0; next += t->width) {
    if (home(t, t->words[next], t->words[next + 1]) > hole) continue;
    memcpy(&t->words[hole], &t->words[next], 4 * t->width);
    hole = next;
  }
  memset(&t->words[hole], 0, 4 * t->width);
  t->count--;
  __atomic_add_fetch(&t->version, 1, __ATOMIC_SEQ_CST);
}

static struct table fdb, neighbors, links;
static int32_t remotes[1024 * REMOTE_WORDS], floods[16], copies;
static double remote_frames[1024];

/* wire/flow.ts */
static uint32_t mix(uint32_t h, uint32_t word) {
  uint32_t product = (h ^ word) * 0x9e3779b1;
  return product ^ product >> 15;
}
static uint32_t finish(uint32_t h) {
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}
static uint32_t flow_hash(const uint8_t *f, int bytes) {
  if (bytes < 34 || read16(f + 12) != 0x0800 || f[14] >> 4 != 4) return finish(mix(mix(read32(f), read32(f + 4)), read32(f + 8)));
  uint32_t h = mix(mix(f[23], read32(f + 26)), read32(f + 30));
  int header = (f[14] & 15) * 4;
  bool fragment = read16(f + 20) & 0x3fff, ports = f[23] == 6 || f[23] == 17 || f[23] == 132;
  if (header >= 20 && !fragment && ports && 14 + header + 4 <= bytes) h = mix(h, read32(f + 14 + header));
  return finish(h);
}

static void enqueue(int i, int start, int bytes, int target, uint32_t flow) {
  if (queued == QUEUE) queued = 0;
  remote_frames[target]++;
  queue[queued++] = (struct item){slot[i], start, bytes, target, (int32_t)flow};
}
static void write_header(uint8_t *p, uint32_t vni) { write32(p, 0x08000000), write32(p + 4, vni << 8); }

static bool answer(int i, uint8_t *f) {
  if (read16(f + 12) != 0x0806) return false;
  int64_t neighbor = find(&neighbors, LINK, (int32_t)read32(f + 38));
  if (neighbor < 0) return true;
  uint8_t mac[6] = {0x02, 0x00};
  write32(mac + 2, (uint32_t)neighbors.words[neighbor + 2]);
  f[21] = 2;
  uint8_t asked[4];
  memcpy(asked, f + 38, 4), memmove(f + 32, f + 22, 10), memcpy(f + 22, mac, 6), memcpy(f + 28, asked, 4);
  memcpy(f, f + 6, 6), memcpy(f + 6, mac, 6);
  answered++;
  if (queued == QUEUE) queued = 0;
  queue[queued++] = (struct item){slot[i], HEADROOM, length[i], LINK, 0};
  return true;
}

static void encap(bool proxy) {
  for (int i = 0; i < BATCH; i++) {
    uint8_t *f = slab + (size_t)slot[i] * SLOT_BYTES + HEADROOM;
    int bytes = length[i];
    if (bytes < 14 || bytes > 65499) { dropped++; continue; }
    if (proxy && answer(i, f)) continue;
    uint32_t hash = flow_hash(f, bytes);
    int64_t entry = find(&fdb, LINK << 16 | read16(f), (int32_t)read32(f + 2));
    if (entry >= 0) {
      int remote = (uint32_t)fdb.words[entry + 2] >> 8;
      if (fdb.words[entry + 4] != 1) fdb.words[entry + 4] = 1;
      write_header(f - VXLAN, remotes[remote * REMOTE_WORDS + 5]);
      enqueue(i, HEADROOM - VXLAN, bytes + VXLAN, remote, hash);
      continue;
    }
    flooded++;
    write_header(f - VXLAN, 42);
    for (int k = 0; k < copies; k++) enqueue(i, HEADROOM - VXLAN, bytes + VXLAN, floods[k], hash);
  }
  tx_frames += BATCH;
  queued = 0;
}

static void decap(void) {
  for (int i = 0; i < BATCH; i++) {
    uint8_t *d = slab + (size_t)slot[i] * SLOT_BYTES + HEADROOM;
    if (length[i] < VXLAN + 14 || !(d[0] & 8)) { dropped++; continue; }
    if (find(&links, 0x40000 | 4789, (int32_t)(read32(d + 4) >> 8)) < 0) { dropped++; continue; }
    if ((read32(d) & ~0x08000000u) || d[7]) dropped++;
    uint8_t *f = d + VXLAN;
    uint32_t high = read16(f + 6), low = read32(f + 8);
    if (high & 0x0100 || (high | low) == 0) { dropped++; continue; }
    int64_t entry = find(&fdb, LINK << 16 | high, (int32_t)low);
    if (entry < 0) entry = insert(&fdb, LINK << 16 | high, (int32_t)low, 0 << 8 | 1);
    const int32_t *record = remotes + ((uint32_t)fdb.words[entry + 2] >> 8) * REMOTE_WORDS;
    if (record[3] != from[3] || record[2] != from[2] || record[1] != from[1] || record[0] != from[0]) { dropped++; continue; }
    if (fdb.words[entry + 3] != 1) fdb.words[entry + 3] = 1;
    received++;
    if (queued == QUEUE) queued = 0;
    queue[queued++] = (struct item){slot[i], HEADROOM + VXLAN, length[i] - VXLAN, LINK, 0};
  }
  queued = 0;
}

static void fill(int bytes) {
  for (int i = 0; i < BATCH; i++) {
    slot[i] = order[position];
    length[i] = bytes;
    position = (position + 1) & (STREAM - 1);
  }
}

static uint32_t size;
static uint32_t look(uint32_t at) {
  uint32_t key = keys[at & (STREAM - 1)];
  int64_t entry = find(&fdb, LINK << 16 | (key & 0x80000000 ? 0x0300 : 0x0200), (int32_t)((key & 0x7fffffff) % size * 0x9e3779b1));
  return entry < 0 ? 1 : (uint32_t)fdb.words[entry + 2] >> 8;
}

static void run_encap(void) { fill(FRAME_BYTES), encap(false); }
static void run_decap(void) { fill(FRAME_BYTES + VXLAN), decap(); }
static void run_learn(void) {
  decap();
  for (int i = 0; i < BATCH; i++) take_out(&fdb, find(&fdb, LINK << 16 | 0x0200, 1 << 16 | i));
}
static void run_proxy(void) {
  static const uint8_t request[38] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 9};
  for (int i = 0; i < BATCH; i++) {
    uint8_t *f = slab + (size_t)i * SLOT_BYTES + HEADROOM;
    memcpy(f, request, sizeof request);
    write32(f + 38, 0x0a000000 | i);
    slot[i] = i, length[i] = 60;
  }
  encap(true);
}
static void run_lookup(void) {
  uint32_t sum = 0;
  for (int i = 0; i < LOOKUPS; i++) sum += look((uint32_t)position++);
  sink = (int32_t)sum;
}
static void run_dependent(void) {
  for (int i = 0; i < LOOKUPS; i++) position += 1 + (int)look((uint32_t)position);
  sink = position;
}

static void read_file(const char *folder, const char *name, void *to, size_t bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file || fread(to, 1, bytes, file) != bytes) exit(2);
  fclose(file);
}

static void datagrams(int vni) {
  for (int i = 0; i < FRAMES; i++) {
    uint8_t *at = slab + (size_t)i * SLOT_BYTES + HEADROOM;
    memmove(at + VXLAN, at, FRAME_BYTES);
    write_header(at, (uint32_t)vni);
  }
}

static void entries(void) {
  for (int i = 0; i < FRAMES * 9 / 10 + 1; i++)
    if (i < FRAMES * 0.9) insert(&fdb, LINK << 16 | 0x0200, i, (1 + (i & 15)) << 8 | 4);
}

int main(int count, char **words) {
  if (count < 3) return 2;
  const char *row = words[1];
  slab = calloc(FRAMES, SLOT_BYTES);
  read_file(words[2], "frames", frames, sizeof frames);
  read_file(words[2], "order", order, sizeof order);
  read_file(words[2], "keys", keys, sizeof keys);
  for (int i = 0; i < FRAMES; i++) memcpy(slab + (size_t)i * SLOT_BYTES + HEADROOM, frames[i], FRAME_BYTES);
  for (int i = 0; i < 1024; i++) memcpy(remotes + i * REMOTE_WORDS, from, sizeof from), remotes[i * REMOTE_WORDS + 5] = 42;
  fdb = make_table(131072, 5), neighbors = make_table(16384, 8), links = make_table(1, 3);
  insert(&links, 0x40000 | 4789, 42, 1);
  copies = 1;
  void (*run)(void) = run_encap;
  int each = BATCH;
  if (!strcmp(row, "encap-lookup")) entries();
  else if (!strcmp(row, "decap")) datagrams(42), run = run_decap;
  else if (!strcmp(row, "parse-and-drop")) datagrams(43), run = run_decap;
  else if (!strcmp(row, "flood-8")) { copies = 8; for (int k = 0; k < 8; k++) floods[k] = k; }
  else if (!strcmp(row, "learn-and-forget")) {
    datagrams(42), run = run_learn;
    for (int i = 0; i < BATCH; i++) slot[i] = i, length[i] = FRAME_BYTES + VXLAN;
  } else if (!strcmp(row, "proxy-answer")) {
    run = run_proxy;
    for (int i = 0; i < BATCH; i++) insert(&neighbors, LINK, 0x0a000000 | i, i);
  } else if (!strncmp(row, "lookup-", 7)) {
    size = strstr(row, "1m") ? 1000000 : strstr(row, "100k") ? 100000 : 1000;
    fdb = make_table((int)size, 5);
    for (uint32_t i = 0; i < size; i++) insert(&fdb, LINK << 16 | 0x0200, (int32_t)(i * 0x9e3779b1), (int32_t)((i & 1023) << 8 | 1));
    run = strstr(row, "dependent") ? run_dependent : run_lookup, each = LOOKUPS;
  }
  struct timespec began, now;
  double elapsed = 0;
  long rounds = 0;
  for (int i = 0; i < 2000; i++) run();
  clock_gettime(CLOCK_MONOTONIC, &began);
  while (elapsed < 1e9) {
    for (int i = 0; i < 200; i++) run();
    rounds += 200;
    clock_gettime(CLOCK_MONOTONIC, &now);
    elapsed = (now.tv_sec - began.tv_sec) * 1e9 + (now.tv_nsec - began.tv_nsec);
  }
  printf("{\"ns\":%f}\n", elapsed / rounds / each);
  return 0;
}
