/*
 * The batch as src/memory/batch.ts lays it out: columns of one Int32Array, `capacity` words each.
 * io/native.ts asserts these numbers at load time; change both or neither.
 */
#ifndef VTEP_BATCH_H
#define VTEP_BATCH_H

#include <node_api.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>

enum { COLUMN_SLOT, COLUMN_START, COLUMN_LENGTH, COLUMN_TARGET, COLUMN_FLOW, COLUMN_FROM,
       COLUMN_FROM_PORT = COLUMN_FROM + 4, COLUMN_TOS, COLUMN_VNET, COLUMNS = COLUMN_VNET + 3 };

enum { CONTROL_BYTES = 64, HEADROOM = 64 };
enum { VNET_HEADER_LENGTH = 10, VNET_WORDS = 3 };

struct run;

struct batch {
  int capacity;
  int slots, first_slot; /* that it receives into; 0 for a batch that only leaves */
  int32_t *words;
  uint8_t *slab;
  size_t slab_bytes, slot_bytes;
  /* receiving datagrams: the messages of one call, and those not yet taken apart */
  struct mmsghdr *messages;
  struct iovec *vectors;
  struct sockaddr_in6 *names;
  uint8_t (*controls)[CONTROL_BYTES];
  int received, taken, taken_bytes;
  struct run *runs; /* merging towards the TAP */
  int *order;       /* sorting by socket */
  napi_ref keep_words, keep_slab;
};

static inline int32_t *column(const struct batch *b, int index) { return b->words + (size_t)index * b->capacity; }
static inline int32_t *vnet_of(const struct batch *b, int i) { return column(b, COLUMN_VNET) + VNET_WORDS * i; }

/* The bytes of an item, or NULL when the words would reach outside its slot: a bug must not become a leak. */
static inline uint8_t *item_bytes(const struct batch *b, int i, size_t length) {
  size_t slot = (uint32_t)column(b, COLUMN_SLOT)[i], start = (uint32_t)column(b, COLUMN_START)[i];
  if (start > b->slot_bytes || length > b->slot_bytes - start) return NULL;
  size_t at = slot * b->slot_bytes + start;
  if (at > b->slab_bytes || length > b->slab_bytes - at) return NULL;
  return b->slab + at;
}

/* The room behind the headroom of the batch's own slot `s`. */
static inline uint8_t *slot_room(const struct batch *b, int s, size_t *room) {
  *room = b->slot_bytes - HEADROOM;
  return b->slab + (size_t)(b->first_slot + s) * b->slot_bytes + HEADROOM;
}

struct batch *batch_arg(napi_env env, napi_value value);
void batch_exports(napi_env env, napi_value exports);

#endif
