/*
 * Which frames may become one is what the kernel's own GRO asks (net/ipv4/tcp_offload.c, udp_offload.c): the same
 * headers but for lengths, checksums, the IPv4 id and TCP's sequence, PSH and FIN; consecutive; all of one size but
 * the last. Each one's checksum was found right, so nobody's damage is repaired by the new one.
 */
#define _GNU_SOURCE
#include "merge.h"

enum { IP_PACKET_MOST = 65535, UDP_PARTS_MOST = 64 };

enum checksum_state look_at_checksum(const uint8_t *bytes, const struct frame *f) {
  size_t length = (size_t)(f->end - f->transport);
  uint64_t pseudo = sum_pseudo_header(bytes, f, length);
  uint16_t stored = raw16(bytes + checksum_at(f));
  if (stored == fold(pseudo)) return CHECKSUM_UNFINISHED;
  if (!f->tcp && stored == 0) return CHECKSUM_OTHER; /* UDP without one */
  return fold(pseudo + sum_bytes(bytes + f->transport, length)) == 0xffff ? CHECKSUM_RIGHT : CHECKSUM_OTHER;
}

bool is_mergeable(const uint8_t *bytes, const struct frame *f) {
  const uint8_t *ip = bytes + f->ip;
  if (f->payload == f->end) return false;
  if (f->ipv6 ? f->transport != f->ip + IPV6_LENGTH : f->transport != f->ip + 20) return false;
  if (!f->ipv6 && fold(sum_bytes(ip, 20)) != 0xffff) return false;
  if (!f->tcp) return true;
  return (bytes[f->transport + TCP_FLAGS] & (TCP_SYN | TCP_RST | TCP_URG | TCP_CWR)) == 0;
}

uint32_t flow_key(const uint8_t *bytes, const struct frame *f) {
  const uint8_t *source = bytes + f->ip + (f->ipv6 ? IPV6_ADDRESSES + 12 : IPV4_ADDRESSES);
  return get32(source) * 31 ^ get32(bytes + f->transport);
}

static bool same(const uint8_t *a, const uint8_t *b, int from, int to) { return memcmp(a + from, b + from, (size_t)(to - from)) == 0; }

bool is_same_flow(const struct run *r, const uint8_t *bytes, const struct frame *f) {
  const struct frame *g = &r->frame;
  if (f->ip != g->ip || f->transport != g->transport || f->tcp != g->tcp || f->ipv6 != g->ipv6) return false;
  int addresses = f->ip + (f->ipv6 ? IPV6_ADDRESSES : IPV4_ADDRESSES);
  return same(r->first, bytes, addresses, f->transport + 4) && same(r->first, bytes, 0, f->ip);
}

/* What must not differ beside the addresses and ports: version, traffic class, flow label, fragment word, TTL. */
static bool same_ip(const uint8_t *a, const uint8_t *b, const struct frame *f) {
  if (f->ipv6) return same(a, b, f->ip, f->ip + IPV6_PAYLOAD) && same(a, b, f->ip + IPV6_NEXT, f->ip + IPV6_ADDRESSES);
  return same(a, b, f->ip, f->ip + IPV4_TOTAL) && same(a, b, f->ip + IPV4_FRAGMENT, f->ip + IPV4_CHECKSUM);
}

static bool same_tcp(const uint8_t *a, const uint8_t *b, const struct frame *f) {
  int t = f->transport;
  return ((a[t + TCP_FLAGS] ^ b[t + TCP_FLAGS]) & ~(TCP_PSH | TCP_FIN)) == 0 && same(a, b, t + TCP_ACK, t + TCP_FLAGS) &&
         same(a, b, t + TCP_WINDOW, t + TCP_CHECKSUM) && same(a, b, t + TCP_CHECKSUM + 2, f->payload);
}

static void add_part(struct run *r, const uint8_t *bytes, const struct frame *f, int32_t target) {
  int payload = f->end - f->payload;
  r->parts[r->count] = (struct iovec){(void *)(bytes + f->payload), (size_t)payload};
  r->targets[r->count++] = target;
  r->total += payload;
  if (!f->tcp) {
    r->closed = payload < r->size || r->count == UDP_PARTS_MOST;
    return;
  }
  int flags = bytes[f->transport + TCP_FLAGS];
  r->next_sequence = get32(bytes + f->transport + TCP_SEQUENCE) + (uint32_t)payload;
  r->last_pushes = flags & TCP_PSH;
  r->last_ends = flags & TCP_FIN;
  r->closed = payload < r->size || r->last_pushes || r->last_ends || r->count == PARTS_MOST;
}

void start_run(struct run *r, const uint8_t *bytes, size_t length, const struct frame *f, int32_t target) {
  r->frame = *f;
  r->first = bytes;
  r->key = flow_key(bytes, f);
  r->length = length;
  r->size = f->end - f->payload;
  r->total = r->count = 0;
  r->closed = r->last_pushes = r->last_ends = false;
  add_part(r, bytes, f, target);
}

bool extend_run(struct run *r, const uint8_t *bytes, const struct frame *f, int32_t target) {
  int payload = f->end - f->payload, packet = f->payload - f->ip + r->total + payload;
  if (r->closed || f->payload != r->frame.payload || payload > r->size || packet > IP_PACKET_MOST) return false;
  if (!same_ip(r->first, bytes, f)) return false;
  if (f->tcp && (get32(bytes + f->transport + TCP_SEQUENCE) != r->next_sequence || !same_tcp(r->first, bytes, f))) return false;
  add_part(r, bytes, f, target);
  return true;
}

static void offer(struct virtio_net_hdr *vnet, const struct frame *f, int size) {
  vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  vnet->csum_start = (uint16_t)f->transport;
  vnet->csum_offset = (uint16_t)(checksum_at(f) - f->transport);
  if (size == 0) return;
  vnet->gso_type = !f->tcp ? VIRTIO_NET_HDR_GSO_UDP_L4 : f->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
  vnet->hdr_len = (uint16_t)f->payload;
  vnet->gso_size = (uint16_t)size;
}

void describe_run(struct run *r, struct virtio_net_hdr *vnet) {
  const struct frame *f = &r->frame;
  size_t length = (size_t)(f->payload - f->transport + r->total);
  memcpy(r->headers, r->first, (size_t)f->payload);
  set_ip_length(r->headers, f, f->payload + r->total);
  uint8_t *transport = r->headers + f->transport;
  if (!f->tcp) put16(transport + UDP_TOTAL, (uint32_t)length);
  if (r->last_pushes) transport[TCP_FLAGS] |= TCP_PSH;
  if (r->last_ends) transport[TCP_FLAGS] |= TCP_FIN;
  store_checksum(r->headers + checksum_at(f), fold(sum_pseudo_header(r->headers, f, length)));
  *vnet = (struct virtio_net_hdr){0};
  offer(vnet, f, r->size);
}

bool describe_unfinished(const struct frame *f, int size, struct virtio_net_hdr *vnet) {
  bool super = size > 0 && f->end - f->payload > size;
  offer(vnet, f, super ? size : 0);
  return super;
}
