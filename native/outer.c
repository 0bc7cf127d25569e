/* Making the outer header, as drivers/net/vxlan/vxlan_core.c and net/ipv4/ip_tunnel_core.c do. */
#define _GNU_SOURCE
#include "outer.h"
#include "frame.h"
#include "udp.h"
#include <netinet/in.h>

enum { ECN_MASK = 3, ECN_ECT_0 = 2, ECN_CE = 3 };
enum { IPV6_HOP_LIMIT = 7 };
enum { IPV4_DF = 0x4000 };

/* Which header it is; NULL: neither IPv4 nor IPv6. */
static const uint8_t *inner_ip(const uint8_t *frame, size_t length, bool *ipv6) {
  int ip = find_ip(frame, length, ipv6);
  return ip < 0 || (size_t)ip + (*ipv6 ? IPV6_LENGTH : IPV4_LENGTH) > length ? NULL : frame + ip;
}

/*
 * The inner ECN goes outward, whatever the DSCP comes from. CE becomes ECT(0), as in the kernel: RFC 6040 would copy it, but
 * a mark that is inside already need not be made again, and at the far end both come to the same.
 */
static uint8_t outer_tos(uint8_t tos, uint8_t inner) {
  int ecn = (inner & ECN_MASK) == ECN_CE ? ECN_ECT_0 : inner & ECN_MASK;
  return (uint8_t)((tos & ~ECN_MASK) | ecn);
}

struct outer outer_of(const struct envelope *e, const uint8_t *frame, size_t length) {
  bool ipv6;
  const uint8_t *ip = inner_ip(frame, length, &ipv6);
  uint8_t tos = !ip ? 0 : ipv6 ? (uint8_t)(get16(ip) >> 4) : ip[1];
  struct outer outer = {.tos = outer_tos(e->inherits & INHERITS_TOS ? tos : e->tos, tos), .ttl = e->ttl, .label = e->label};
  if (e->inherits & INHERITS_TTL) outer.ttl = !ip ? 0 : ip[ipv6 ? IPV6_HOP_LIMIT : IPV4_TTL];
  if (e->inherits & INHERITS_LABEL) outer.label = ip && ipv6 ? get32(ip) & 0xfffff : 0;
  return outer;
}

bool inner_df(const uint8_t *frame, size_t length) {
  bool ipv6;
  const uint8_t *ip = inner_ip(frame, length, &ipv6);
  return ip && (ipv6 || get16(ip + IPV4_FRAGMENT) & IPV4_DF);
}

static void add_part(struct msghdr *message, int level, int type, const void *value, size_t length) {
  struct cmsghdr *part = (struct cmsghdr *)((uint8_t *)message->msg_control + message->msg_controllen);
  *part = (struct cmsghdr){.cmsg_len = CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
  memcpy(CMSG_DATA(part), value, length);
  message->msg_controllen += CMSG_SPACE(length);
}

static void add_number(struct msghdr *message, int level, int type, int value) { add_part(message, level, type, &value, sizeof value); }

static void add_origin(struct msghdr *message, const struct envelope *e, bool ipv6, uint32_t device) {
  static const uint32_t any[4];
  const uint32_t *from = is_mapped((const int32_t *)e->source) == ipv6 ? any : e->source; /* `local` is of one family */
  if (!device) device = e->device;
  if (!device && !from[0] && !from[1] && !from[2] && !from[3]) return;
  if (ipv6) {
    struct in6_pktinfo packet = {.ipi6_ifindex = device};
    for (int i = 0; i < 4; i++) packet.ipi6_addr.s6_addr32[i] = htonl(from[i]);
    add_part(message, IPPROTO_IPV6, IPV6_PKTINFO, &packet, sizeof packet);
  } else {
    struct in_pktinfo packet = {.ipi_ifindex = (int)device, .ipi_spec_dst.s_addr = htonl(from[3])};
    add_part(message, IPPROTO_IP, IP_PKTINFO, &packet, sizeof packet);
  }
}

void write_outer(struct msghdr *message, const struct envelope *e, struct outer outer, bool ipv6, uint32_t device) {
  int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  message->msg_controllen = 0;
  add_origin(message, e, ipv6, device);
  if (outer.ttl) add_number(message, level, ipv6 ? IPV6_HOPLIMIT : IP_TTL, outer.ttl);
  if (outer.tos) add_number(message, level, ipv6 ? IPV6_TCLASS : IP_TOS, outer.tos);
}
