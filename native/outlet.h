/*
 * The outlet: a TAP of our own by which superframes leave whole, with their outer header, as the kernel's own tunnels
 * hand them on (Linux 6.17). It is opened when the first of them wants a way, and shut while the host has anything to say
 * to what its programs send (io/policies.ts), which would not be heard. What is written to it comes in at the host, and a
 * program sends it on by the interface that its Ethernet header names. So it is routed before: each remote has a way,
 * found out by the control thread.
 */
#ifndef VTEP_OUTLET_H
#define VTEP_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

enum { WAY_WANTED = -1 };

/* Shared with the control thread (tables/ways.ts), which writes it; a worker only ever puts WAY_WANTED there. */
struct way {
  int32_t as_of; /* the routes that it was found by; WAY_WANTED: somebody has sent there */
  int32_t mtu, device; /* device 0: there is none for whole superframes */
  int32_t link, scope, to[4]; /* whose it is: places of remotes are given to others */
  int32_t source[4];
  int32_t unused[3];
};

struct ways {
  int32_t now;    /* the routes as they are: grows when they change */
  int32_t wanted; /* 1: a way is; 2: and the control thread knows */
  int32_t outlet; /* the descriptor; -1: not now */
  int32_t used;   /* set when something has left by it */
  int32_t unused[12];
  struct way of[];
};

/* What the kernel would put into the datagrams of a socket. */
struct habits {
  uint16_t port;
  uint8_t ttl;
  bool df, checksum;
};

struct sender;
struct batch;
struct cut;

struct habits habits_of(int fd);

/* Whether the item may go there. The first to each remote may not: its way is still to be found. */
bool may_leave_whole(const struct sender *s, const struct batch *b, int item, const struct cut *cut);

/* 0, or -errno: it has not left. */
int leave_whole(struct sender *s, const struct batch *b, int item, const uint8_t *bytes, const struct cut *cut);

#endif
