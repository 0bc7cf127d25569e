/*
 * The outer header: what a link wants of it, and what it takes from the inner one. It leaves as ancillary data of the
 * message (ip(7), ipv6(7)); datagrams share a message only where it is the same.
 */
#ifndef VTEP_OUTER_H
#define VTEP_OUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { INHERITS_TOS = 1, INHERITS_TTL = 2, INHERITS_LABEL = 4, INHERITS_DF = 8 };
enum { ENVELOPE_BYTES = 128 };

/* Of each link, in memory that the control thread writes (`udpEnvelope`). */
struct envelope {
  uint8_t inherits, tos, ttl;
  uint32_t label, device; /* device: an interface index; 0: the route's */
  uint32_t source[4];     /* as a remote's address; zeros: the route's */
};

struct outer {
  uint8_t tos, ttl; /* 0: the host's */
  uint32_t label;
};

struct outer outer_of(const struct envelope *e, const uint8_t *frame, size_t length);
static inline bool same_outer(struct outer a, struct outer b) { return a.tos == b.tos && a.ttl == b.ttl && a.label == b.label; }

/* DF as the inner packet has it; IPv6 is never fragmented on its way. */
bool inner_df(const uint8_t *frame, size_t length);

/* The message's ancillary data but for the size of a train; `device` goes before the link's own. */
void write_outer(struct msghdr *message, const struct envelope *e, struct outer outer, bool ipv6, uint32_t device);

#endif
