/* Cutting a superframe into frames, as a network card does: headers are made per segment, payload stays where it is. */
#ifndef VTEP_SEGMENT_H
#define VTEP_SEGMENT_H

#include "frame.h"

struct cut {
  struct frame frame;
  const uint8_t *bytes;
  int size;  /* payload of every segment but the last */
  int count; /* segments */
};

/* Reads the offload header of a frame. False: it contradicts the frame. A frame that is no superframe has count 1. */
bool plan_cut(const uint8_t *bytes, size_t length, const struct virtio_net_hdr *vnet, struct cut *cut);

/* Puts the checksum into a frame that only lacks it. False: the offload header points outside of the frame. */
bool finish_checksum(uint8_t *bytes, size_t length, const struct virtio_net_hdr *vnet);

/* Segment `i`: writes its headers, cut->frame.payload bytes, to `to`; returns its payload. */
const uint8_t *make_segment(const struct cut *cut, int i, uint8_t *to, int *payload_length);

#endif
