/*
 * The sender: a fixed set of sockets, and the messages that are being prepared for one of them. Three files work on it:
 *
 *   train.c     makes messages of items      send.c     sends them      refusals.c     finds out who refused
 *
 * What need not be cut goes past all that (outlet.c).
 */
#ifndef VTEP_SEND_H
#define VTEP_SEND_H

#include "addon.h"
#include "batch.h"
#include "outer.h"
#include "outlet.h"
#include "segment.h"
#include "udp.h"

enum { SOCKETS_MOST = 256, SETS_MOST = 3, FAILURES_MOST = 4096 };
enum { MESSAGES = 256, VECTORS = 4096, BLOCKS = 1024, BLOCK_BYTES = VXLAN_LENGTH + HEADERS_MOST, TRAIN_CONTROL = 192 };

/* What a transmit reports beside its return value, in words shared with JavaScript. */
enum { STATUS_FAILURES, STATUS_BLOCKED_FD, STATUS_LISTS };

/* What a message is made of: items first to last of the order, or segments of the one item. */
struct train {
  int first, count;
  int segment; /* of a superframe, the first one in this message; -1: whole frames */
  int datagrams, size, bytes;
  struct outer outer;
  bool closed;
};

struct sender {
  int count; /* of sockets in a set, each with a port of its own */
  int sets;  /* of sockets, at the same ports */
  int sockets[SETS_MOST * SOCKETS_MOST];
  bool by_df;     /* the second set is for frames whose outer header has DF since the inner one has */
  bool by_family; /* the last set is for remotes of IPv6, those before it for remotes of IPv4 */
  const int32_t *records;
  size_t record_count;
  const uint8_t *envelopes;
  size_t envelope_count;
  int32_t *status;
  double *stats;
  bool trains_allowed;
  uint16_t *singly; /* by remote: frames and superframes whose datagrams leave one by one, as its path refused a train */
  struct ways *ways; /* NULL: nothing leaves whole */
  struct habits habits[SETS_MOST * SOCKETS_MOST];
  uint16_t id; /* of the next packet that goes there */
  int pieces;  /* superframes that go in pieces still, as it refused one */
  int socket;  /* the one that is sent by now */
  napi_ref keep[5];
  /* messages of one socket, as many as are prepared */
  int messages, vectors, blocks;
  struct mmsghdr message[MESSAGES];
  struct train train[MESSAGES];
  struct sockaddr_in6 name[MESSAGES];
  uint8_t control[MESSAGES][TRAIN_CONTROL] __attribute__((aligned(8)));
  struct iovec vector[VECTORS];
  uint8_t block[BLOCKS][BLOCK_BYTES];
};

static inline int32_t target_of(const struct sender *s, const struct batch *b, int m) {
  return column(b, COLUMN_TARGET)[b->order[s->train[m].first]];
}

/* train.c: what a link wants of its headers. */
const struct envelope *envelope_of(const struct sender *s, int32_t target);
/* Which of the sockets an item leaves by. */
int socket_of(const struct sender *s, const struct batch *b, int item);
/* The item at `o` of the order becomes a message, or part of one. False: there is no room for more. */
bool prepare(struct sender *s, struct batch *b, int o);
/* All is prepared: message `m` says how it is to be cut. */
void set_train_size(struct sender *s, int m);
/* So many datagrams of message `m` have left: the rest of its items, or of its superframe's segments, stays. */
void datagrams_gone(struct sender *s, struct batch *b, int m, int count);
/* The path refuses trains to a remote: for a while it gets none. */
void avoid_trains(struct sender *s, int32_t target);

/* refusals.c: charged to the remote. */
void fail(struct sender *s, int target, int error);
/* Empties a socket's error queue, each error charged to the destination that could not be reached. */
void drain_errors(struct sender *s, int fd);

#endif
