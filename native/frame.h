/* What the offloads know of an inner frame: where its headers are, and Internet checksums over it. */
#ifndef VTEP_FRAME_H
#define VTEP_FRAME_H

#include <stdbool.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* in the headers since Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { ETHERNET_LENGTH = 14, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, UDP_LENGTH = 8, TCP_LENGTH = 20 };
/* Offsets of fields */
enum { IPV4_TOTAL = 2, IPV4_ID = 4, IPV4_FRAGMENT = 6, IPV4_TTL = 8, IPV4_PROTOCOL = 9, IPV4_CHECKSUM = 10, IPV4_ADDRESSES = 12 };
enum { IPV6_PAYLOAD = 4, IPV6_NEXT = 6, IPV6_ADDRESSES = 8, IPV6_LENGTH = 40, IPV4_LENGTH = 20 };
enum { TCP_SEQUENCE = 4, TCP_ACK = 8, TCP_FLAGS = 13, TCP_WINDOW = 14, TCP_CHECKSUM = 16, UDP_TOTAL = 4, UDP_CHECKSUM = 6 };
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_URG = 32, TCP_CWR = 128 };

/* Longest headers that are segmented or merged: Ethernet, two tags, IPv6 with extensions or IPv4 with options, TCP with options. */
enum { HEADERS_MOST = 256 };

struct frame {
  int ip, transport, payload, end; /* offsets; end: of the IP packet, before any padding */
  bool ipv6, tcp;
};

/* Offset of what should be an IP header, behind up to two tags; -1: the frame is of another type. */
int find_ip(const uint8_t *bytes, size_t length, bool *ipv6);

/* False: no whole TCP or UDP packet, or a fragment of one. */
bool find_headers(const uint8_t *bytes, size_t length, struct frame *f);

/* Sums in the machine's byte order: folded, they are stored as they lie. `from` may stand at any address. */
uint64_t sum_bytes(const uint8_t *from, size_t length);
uint64_t sum_pseudo_header(const uint8_t *bytes, const struct frame *f, size_t transport_length);

static inline uint16_t fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static inline uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }
static inline void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static inline void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}
static inline uint16_t raw16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}
static inline void store_checksum(uint8_t *at, uint16_t folded) { memcpy(at, &folded, sizeof folded); }

static inline int checksum_at(const struct frame *f) { return f->transport + (f->tcp ? TCP_CHECKSUM : UDP_CHECKSUM); }

/* The IP header's own length field and checksum, for a packet that now ends at `end`. */
void set_ip_length(uint8_t *bytes, const struct frame *f, int end);

#endif
