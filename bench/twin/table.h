/*
 * tables/open-table.ts in C: entries of `width` words, the first `keys` of them the key; linear probing, the same hash,
 * the same load, the same order of reads and writes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 128 };

struct table {
  int32_t *words;
  uint32_t places, seed;
  int32_t width, keys, capacity, count, version, lock;
};

static struct table make_table(int32_t capacity, int32_t width, int32_t keys) {
  struct table t = {.places = (uint32_t)(capacity / 0.625 + 0.999), .width = width, .keys = keys, .capacity = capacity};
  t.words = calloc(((size_t)t.places + PROBES) * (size_t)width, sizeof *t.words);
  t.seed = 0x2545f491;
  return t;
}

static inline uint32_t scramble(uint32_t h) {
  h = (h ^ h >> 16) * 0x7feb352d;
  h = (h ^ h >> 15) * 0x846ca68b;
  return h ^ h >> 16;
}

static inline int32_t home(const struct table *t, const int32_t *key) {
  uint32_t hash = scramble(t->seed ^ (uint32_t)key[0]);
  for (int32_t i = 1; i < t->keys; i++) hash = scramble(hash * 0x9e3779b1 ^ (uint32_t)key[i]);
  return (int32_t)((uint64_t)hash * t->places >> 32) * t->width;
}

static inline bool is_empty(const struct table *t, int32_t at) {
  for (int32_t i = 0; i < t->keys; i++)
    if (t->words[at + i] != 0) return false;
  return true;
}

static inline bool holds(const struct table *t, int32_t at, const int32_t *key) {
  for (int32_t i = 0; i < t->keys; i++)
    if (t->words[at + i] != key[i]) return false;
  return true;
}

/* The hot one: a key of two words. */
static inline int32_t find2(const struct table *t, int32_t k0, int32_t k1) {
  const int32_t key[] = {k0, k1};
  for (;;) {
    int32_t version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
    uint32_t hash = scramble(scramble(t->seed ^ (uint32_t)key[0]) * 0x9e3779b1 ^ (uint32_t)key[1]);
    int32_t at = (int32_t)((uint64_t)hash * t->places >> 32) * t->width;
    for (int32_t end = at + PROBES * t->width; at < end; at += t->width) {
      int32_t w0 = t->words[at], w1 = t->words[at + 1];
      if (w0 == k0 && w1 == k1) return at;
      if (w0 == 0 && w1 == 0) break;
    }
    if (__atomic_load_n(&t->version, __ATOMIC_SEQ_CST) == version) return -1;
  }
}

static inline int32_t find(const struct table *t, const int32_t *key) {
  for (;;) {
    int32_t version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
    int32_t at = home(t, key);
    for (int32_t end = at + PROBES * t->width; at < end; at += t->width) {
      if (holds(t, at, key)) return at;
      if (is_empty(t, at)) break;
    }
    if (__atomic_load_n(&t->version, __ATOMIC_SEQ_CST) == version) return -1;
  }
}

static inline bool try_lock(struct table *t) {
  int32_t open = 0;
  return __atomic_compare_exchange_n(&t->lock, &open, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void unlock(struct table *t) { __atomic_store_n(&t->lock, 0, __ATOMIC_SEQ_CST); }

static inline int32_t insert(struct table *t, const int32_t *key) {
  if (t->count >= t->capacity) return -1;
  int32_t at = home(t, key), end = at + PROBES * t->width;
  while (at < end && !is_empty(t, at)) at += t->width;
  if (at >= end) return -1;
  for (int32_t i = t->keys; i < t->width; i++) t->words[at + i] = 0;
  for (int32_t i = t->keys - 1; i >= 0; i--) __atomic_store_n(&t->words[at + i], key[i], __ATOMIC_SEQ_CST);
  t->count++;
  return at;
}

static inline void take_out(struct table *t, int32_t hole) {
  __atomic_add_fetch(&t->version, 1, __ATOMIC_SEQ_CST);
  for (int32_t next = hole + t->width; !is_empty(t, next); next += t->width) {
    if (home(t, t->words + next) > hole) continue;
    memcpy(t->words + hole, t->words + next, sizeof *t->words * (size_t)t->width);
    hole = next;
  }
  memset(t->words + hole, 0, sizeof *t->words * (size_t)t->width);
  t->count--;
  __atomic_add_fetch(&t->version, 1, __ATOMIC_SEQ_CST);
}
