/* Finding headers, and Internet checksums (RFC 1071). */
#define _GNU_SOURCE
#include "frame.h"
#include <arpa/inet.h>

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TAG_LENGTH = 4, TAGS_MOST = 2 };
enum { NEXT_HOP_BY_HOP = 0, NEXT_ROUTING = 43, NEXT_DESTINATION = 60, EXTENSIONS_MOST = 8 };

static int find_ipv4(const uint8_t *bytes, size_t length, struct frame *f) {
  const uint8_t *ip = bytes + f->ip;
  if ((size_t)f->ip + IPV4_LENGTH > length || ip[0] >> 4 != 4) return -1;
  int header = (ip[0] & 15) * 4, total = get16(ip + IPV4_TOTAL);
  if (header < IPV4_LENGTH || total < header || (size_t)(f->ip + total) > length) return -1;
  if (get16(ip + IPV4_FRAGMENT) & 0x3fff) return -1; /* more fragments, or an offset */
  f->transport = f->ip + header;
  f->end = f->ip + total;
  return ip[IPV4_PROTOCOL];
}

static int find_ipv6(const uint8_t *bytes, size_t length, struct frame *f) {
  const uint8_t *ip = bytes + f->ip;
  if ((size_t)f->ip + IPV6_LENGTH > length || ip[0] >> 4 != 6) return -1;
  f->end = f->ip + IPV6_LENGTH + get16(ip + IPV6_PAYLOAD);
  if ((size_t)f->end > length) return -1;
  int next = ip[IPV6_NEXT], at = f->ip + IPV6_LENGTH;
  for (int i = 0; i < EXTENSIONS_MOST; i++) {
    if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION) break;
    if (at + 8 > f->end) return -1;
    next = bytes[at];
    at += 8 + bytes[at + 1] * 8;
  }
  f->transport = at;
  return next;
}

int find_ip(const uint8_t *bytes, size_t length, bool *ipv6) {
  int type_at = 12;
  if (length < ETHERNET_LENGTH) return -1;
  int type = get16(bytes + type_at);
  for (int i = 0; i < TAGS_MOST && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
    type_at += TAG_LENGTH;
    if ((size_t)type_at + 2 > length) return -1;
    type = get16(bytes + type_at);
  }
  *ipv6 = type == TYPE_IPV6;
  return type == TYPE_IPV4 || type == TYPE_IPV6 ? type_at + 2 : -1;
}

bool find_headers(const uint8_t *bytes, size_t length, struct frame *f) {
  f->ip = find_ip(bytes, length, &f->ipv6);
  if (f->ip < 0) return false;
  int protocol = f->ipv6 ? find_ipv6(bytes, length, f) : find_ipv4(bytes, length, f);
  if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) return false;
  f->tcp = protocol == PROTOCOL_TCP;
  if (f->transport + (f->tcp ? TCP_LENGTH : UDP_LENGTH) > f->end) return false;
  const uint8_t *transport = bytes + f->transport;
  int header = f->tcp ? (transport[12] >> 4) * 4 : UDP_LENGTH;
  if (f->tcp && header < TCP_LENGTH) return false;
  if (!f->tcp && get16(transport + UDP_TOTAL) != f->end - f->transport) return false;
  f->payload = f->transport + header;
  return f->payload <= f->end && f->payload <= HEADERS_MOST;
}

/* 32-bit words into 64-bit sums: the compiler makes vectors of it. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
uint64_t sum_bytes(const uint8_t *from, size_t length) {
  uint64_t sum = 0;
  size_t words = length / 4;
  for (size_t i = 0; i < words; i++) {
    uint32_t word;
    memcpy(&word, from + 4 * i, sizeof word);
    sum += word;
  }
  uint8_t rest[4] = {0};
  memcpy(rest, from + 4 * words, length % 4);
  uint32_t last;
  memcpy(&last, rest, sizeof last);
  return sum + last;
}

uint64_t sum_pseudo_header(const uint8_t *bytes, const struct frame *f, size_t transport_length) {
  const uint8_t *ip = bytes + f->ip;
  uint64_t sum = f->ipv6 ? sum_bytes(ip + IPV6_ADDRESSES, 32) : sum_bytes(ip + IPV4_ADDRESSES, 8);
  return sum + htons(f->tcp ? PROTOCOL_TCP : PROTOCOL_UDP) + htonl((uint32_t)transport_length);
}

void set_ip_length(uint8_t *bytes, const struct frame *f, int end) {
  uint8_t *ip = bytes + f->ip;
  if (f->ipv6) {
    put16(ip + IPV6_PAYLOAD, (uint32_t)(end - f->ip - IPV6_LENGTH));
    return;
  }
  put16(ip + IPV4_TOTAL, (uint32_t)(end - f->ip));
  put16(ip + IPV4_CHECKSUM, 0);
  store_checksum(ip + IPV4_CHECKSUM, (uint16_t)~fold(sum_bytes(ip, (size_t)(f->transport - f->ip))));
}
