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
  uint32_t places, seed, shift, eighths;
  int32_t width, keys, capacity, count, version, seen, lock;
};

static struct table make_table(int32_t capacity, int32_t width, int32_t keys) {
  struct table t = {.width = width, .keys = keys, .capacity = capacity, .seed = 0x2545f491};
  uint32_t least = (uint32_t)(capacity / 0.625 + 0.999), bits = 0;
  while (2u << bits <= least) bits++;
  t.eighths = (uint32_t)((8ull * least + (1u << bits) - 1) >> bits);
  t.shift = 29 - bits;
  t.places = (uint32_t)((((uint64_t)t.eighths << bits) + 7) / 8);
  t.words = calloc(((size_t)t.places + PROBES) * (size_t)width, sizeof *t.words);
  return t;
}

static inline uint32_t scatter(uint32_t hash, int32_t word) {
  uint32_t product = (hash ^ (uint32_t)word) * 0x7feb352d;
  return product ^ product >> 15;
}

static inline int32_t place(const struct table *t, uint32_t hash) {
  return (int32_t)((hash * 0x846ca68b >> t->shift) * t->eighths >> 6) * t->width;
}

static inline int32_t home(const struct table *t, const int32_t *key) {
  uint32_t hash = t->seed;
  for (int32_t i = 0; i < t->keys; i++) hash = scatter(hash, key[i]);
  return place(t, hash);
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

/* Whether nothing was moved since the last look-up began. */
static inline bool is_still(const struct table *t) {
  return __atomic_load_n(&t->version, __ATOMIC_ACQUIRE) == t->seen && t->seen % 2 == 0;
}

/* The hot one: a key of two words. */
static inline int32_t find2(struct table *t, int32_t k0, int32_t k1) {
  for (;;) {
    t->seen = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
    int32_t at = place(t, scatter(scatter(t->seed, k0), k1));
    for (int32_t end = at + PROBES * t->width; at < end; at += t->width) {
      int32_t w0 = t->words[at], w1 = t->words[at + 1];
      if (w0 == k0 && w1 == k1) return at;
      if (w0 == 0 && w1 == 0) break;
    }
    if (is_still(t)) return -1;
  }
}

static inline int32_t find(struct table *t, const int32_t *key) {
  for (;;) {
    t->seen = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
    int32_t at = home(t, key);
    for (int32_t end = at + PROBES * t->width; at < end; at += t->width) {
      if (holds(t, at, key)) return at;
      if (is_empty(t, at)) break;
    }
    if (is_still(t)) return -1;
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
