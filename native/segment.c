/* Segmentation and completion of checksums for frames that the kernel handed over unfinished. */
#define _GNU_SOURCE
#include "segment.h"

static bool type_fits(const struct frame *f, int type) {
  if (type == VIRTIO_NET_HDR_GSO_TCPV4) return f->tcp && !f->ipv6;
  if (type == VIRTIO_NET_HDR_GSO_TCPV6) return f->tcp && f->ipv6;
  return type == VIRTIO_NET_HDR_GSO_UDP_L4 && !f->tcp;
}

bool plan_cut(const uint8_t *bytes, size_t length, const struct virtio_net_hdr *vnet, struct cut *cut) {
  cut->bytes = bytes;
  cut->count = 1;
  if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE) return true;
  struct frame *f = &cut->frame;
  if (vnet->gso_size == 0 || !(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || !find_headers(bytes, length, f)) return false;
  if (!type_fits(f, vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) || vnet->csum_start != f->transport) return false;
  int payload = f->end - f->payload;
  if (payload == 0) return false;
  cut->size = vnet->gso_size;
  cut->count = (payload + cut->size - 1) / cut->size;
  return true;
}

bool finish_checksum(uint8_t *bytes, size_t length, const struct virtio_net_hdr *vnet) {
  size_t start = vnet->csum_start, at = start + vnet->csum_offset;
  struct frame f;
  if (at + 2 > length || start >= length) return false;
  /* padding behind the packet is no part of it */
  size_t end = find_headers(bytes, length, &f) ? (size_t)f.end : length;
  if (at + 2 > end) return false;
  uint16_t checksum = (uint16_t)~fold(sum_bytes(bytes + start, end - start));
  if (checksum == 0 && vnet->csum_offset == UDP_CHECKSUM) checksum = 0xffff; /* RFC 768: zero means none */
  store_checksum(bytes + at, checksum);
  return true;
}

/* Everything but FIN and PSH, which end a burst, and CWR, which opens it. */
static void set_tcp_flags(uint8_t *tcp, bool first, bool last) {
  if (!first) tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
  if (!last) tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

const uint8_t *make_segment(const struct cut *cut, int i, uint8_t *to, int *payload_length) {
  const struct frame *f = &cut->frame;
  int from = f->payload + i * cut->size;
  int length = f->end - from < cut->size ? f->end - from : cut->size;
  uint8_t *transport = to + f->transport;
  size_t transport_length = (size_t)(f->payload - f->transport + length);
  memcpy(to, cut->bytes, (size_t)f->payload);
  if (!f->ipv6) put16(to + f->ip + IPV4_ID, get16(to + f->ip + IPV4_ID) + (uint32_t)i);
  set_ip_length(to, f, f->payload + length);
  if (f->tcp) {
    put32(transport + TCP_SEQUENCE, get32(transport + TCP_SEQUENCE) + (uint32_t)(i * cut->size));
    set_tcp_flags(transport, i == 0, i == cut->count - 1);
  } else {
    put16(transport + UDP_TOTAL, (uint32_t)transport_length);
  }
  store_checksum(to + checksum_at(f), 0);
  uint64_t sum = sum_pseudo_header(to, f, transport_length) + sum_bytes(transport, (size_t)(f->payload - f->transport)) +
                 sum_bytes(cut->bytes + from, (size_t)length);
  uint16_t checksum = (uint16_t)~fold(sum);
  store_checksum(to + checksum_at(f), checksum == 0 && !f->tcp ? 0xffff : checksum);
  *payload_length = length;
  return cut->bytes + from;
}
