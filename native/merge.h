/* Merging frames of one flow into superframes, as a network card's driver does (LRO, GRO), within one batch. */
#ifndef VTEP_MERGE_H
#define VTEP_MERGE_H

#include "frame.h"
#include <sys/uio.h>

enum { RUNS_MOST = 32, PARTS_MOST = 128 }; /* flows open at a time; frames of one run */

/* Frames of one flow that leave as one: the first one's headers, mended, and everybody's payload. */
struct run {
  struct frame frame;
  const uint8_t *first;
  uint32_t key, next_sequence;
  size_t length; /* of the first frame, with any padding */
  int size;   /* payload of every part but the last */
  int total;  /* payload so far */
  int count;
  bool closed, last_pushes, last_ends;
  struct iovec parts[PARTS_MOST];
  int32_t targets[PARTS_MOST];
  uint8_t headers[HEADERS_MOST];
};

enum checksum_state { CHECKSUM_RIGHT, CHECKSUM_UNFINISHED, CHECKSUM_OTHER };
enum checksum_state look_at_checksum(const uint8_t *bytes, const struct frame *f);

/* May a frame be part of a run at all? */
bool is_mergeable(const uint8_t *bytes, const struct frame *f);
uint32_t flow_key(const uint8_t *bytes, const struct frame *f);
bool is_same_flow(const struct run *r, const uint8_t *bytes, const struct frame *f);
void start_run(struct run *r, const uint8_t *bytes, size_t length, const struct frame *f, int32_t target);
/* False: it does not continue the run. */
bool extend_run(struct run *r, const uint8_t *bytes, const struct frame *f, int32_t target);
/* The mended headers and the offload header of the run. */
void describe_run(struct run *r, struct virtio_net_hdr *vnet);

/*
 * The offload header of a frame whose checksum a peer on the same machine left unfinished: over veth the kernel hands
 * us whole superframes of up to 64 KB, to be cut to `size` bytes of payload each. True: it is one.
 */
bool describe_unfinished(const struct frame *f, int size, struct virtio_net_hdr *vnet);

#endif
