/* Superframes that leave whole: the device, and the headers around them. */
#define _GNU_SOURCE
#include "outlet.h"
#include "send.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* As Linux 6.17 has them; the headers of most distributions are older. */
enum { TUNNEL_GSO = 0x080, TUNNEL_GSO_CHECKSUM = 0x100 };
enum { GSO_OVER_IPV4 = 0x20, GSO_OVER_IPV6 = 0x40, FLAG_OUTER_CHECKSUM = 8 };
enum { REDIRECT_NEIGH = 152, TCX_INGRESS = 46 };

struct tunnel_header {
  struct virtio_net_hdr_v1 plain;
  uint8_t hash[8];
  uint16_t outer_transport, inner_network;
};

/* Of what waits for its interface: as a sending socket has */
enum { ROOM = 2 << 20 };
enum { PACKET_MOST = 65535, OUTER_MOST = ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH };
/* Where the Ethernet header, which nobody else reads, has the index of the interface */
enum { DEVICE_AT = 2, TYPE_AT = 12 };
enum { IPV4_DF = 0x40, IPV6_HOPS = 7 };

/* To the interface that is named, with the addresses that its neighbour there has. */
static const struct bpf_insn by_device[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
    {.code = BPF_LD | BPF_ABS | BPF_W, .imm = DEVICE_AT},
    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 0},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 0},
    {.code = BPF_JMP | BPF_CALL, .imm = REDIRECT_NEIGH},
    {.code = BPF_JMP | BPF_EXIT},
};

/* linux/bpf.h of older systems has no such attachment */
struct attachment {
  uint32_t program, device, kind, flags;
  uint64_t rest[6];
};

/* The program runs for each frame that is written there, as long as the device is. The descriptor of that, or -errno. */
static int attach_program(unsigned device) {
  union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SCHED_CLS, .insn_cnt = sizeof by_device / sizeof *by_device,
                            .insns = (uintptr_t)by_device, .license = (uintptr_t) "Apache-2.0"};
  int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof program);
  if (fd < 0) return -errno;
  struct attachment attachment = {.program = (uint32_t)fd, .device = device, .kind = TCX_INGRESS};
  int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attachment, sizeof attachment), error = errno;
  close(fd);
  return link < 0 ? -error : link;
}

static int set_up(int fd, int32_t *made) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, .ifr_name = "vtep-out%d"};
  int header = sizeof(struct tunnel_header), little_endian = 1, room = ROOM;
  unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUNNEL_GSO | TUNNEL_GSO_CHECKSUM;
  if (ioctl(fd, TUNSETIFF, &request) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) != 0 || ioctl(fd, TUNSETVNETLE, &little_endian) != 0 ||
      ioctl(fd, TUNSETOFFLOAD, offloads) != 0 || ioctl(fd, TUNSETSNDBUF, &room) != 0)
    return -errno;
  made[0] = (int32_t)if_nametoindex(request.ifr_name);
  made[1] = attach_program((unsigned)made[0]);
  return made[1] < 0 ? made[1] : 0;
}

/* outletOpen([index, descriptor of the program]): its own descriptor, or -errno; EINVAL: this kernel has none */
static napi_value outlet_open(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  struct bytes made = bytes_arg(env, argv[0]);
  if (made.length < 2 * sizeof(int32_t)) return answer(env, -EFAULT);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return answer(env, -errno);
  int result = set_up(fd, (int32_t *)made.data);
  if (result < 0) close(fd);
  return answer(env, result < 0 ? result : fd);
}

static int option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  getsockopt(fd, level, name, &value, &length);
  return value;
}

struct habits habits_of(int fd) {
  struct sockaddr_in6 name = {0};
  socklen_t length = sizeof name;
  getsockname(fd, (struct sockaddr *)&name, &length);
  if (name.sin6_family == AF_INET)
    return (struct habits){.port = ntohs(((struct sockaddr_in *)&name)->sin_port), .ttl = (uint8_t)option(fd, IPPROTO_IP, IP_TTL),
                           .df = option(fd, IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DO, .checksum = !option(fd, SOL_SOCKET, SO_NO_CHECK)};
  return (struct habits){.port = ntohs(name.sin6_port), .ttl = (uint8_t)option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS),
                         .checksum = !option(fd, IPPROTO_UDP, UDP_NO_CHECK6_TX)};
}

static bool is_of(const struct way *way, const int32_t *record) {
  return way->link == record[RECORD_LINK] && way->scope == record[RECORD_SCOPE] && memcmp(way->to, record + RECORD_ADDRESS, sizeof way->to) == 0;
}

/* NULL: it has none, or none any more. */
static const struct way *way_to(const struct sender *s, int32_t target) {
  struct way *way = &s->ways->of[target];
  if (__atomic_load_n(&way->as_of, __ATOMIC_ACQUIRE) == __atomic_load_n(&s->ways->now, __ATOMIC_ACQUIRE) &&
      is_of(way, s->records + (size_t)target * RECORD_WORDS))
    return way->device ? way : NULL;
  __atomic_store_n(&way->as_of, WAY_WANTED, __ATOMIC_RELEASE);
  int32_t none = 0;
  __atomic_compare_exchange_n(&s->ways->wanted, &none, 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
  return NULL;
}

static int ip_length(const struct sender *s, int32_t target) {
  return is_mapped(s->records + (size_t)target * RECORD_WORDS + RECORD_ADDRESS) ? IPV4_LENGTH : IPV6_LENGTH;
}

bool may_leave_whole(const struct sender *s, const struct batch *b, int item, const struct cut *cut) {
  int32_t target = column(b, COLUMN_TARGET)[item];
  /* behind a VLAN tag the kernel would not find the inner Ethernet header again */
  if (!s->ways || cut->count < 2 || !cut->frame.tcp || cut->frame.ip != ETHERNET_LENGTH) return false;
  int around = ip_length(s, target) + UDP_LENGTH + VXLAN_LENGTH;
  const struct way *way = way_to(s, target);
  return way && s->ways->outlet >= 0 && around + cut->frame.payload + cut->size <= way->mtu && around + cut->frame.end <= PACKET_MOST;
}

static uint64_t sum_address(const int32_t *words, int count) {
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) sum += ((uint32_t)words[i] >> 16) + ((uint32_t)words[i] & 0xffff);
  return sum;
}

struct packet {
  const int32_t *from, *to;
  struct outer outer;
  struct habits habits;
  int length; /* of the UDP datagram */
};

static int write_ipv4(uint8_t *ip, const struct packet *p, uint16_t id) {
  memset(ip, 0, IPV4_LENGTH);
  ip[0] = 0x45;
  ip[1] = p->outer.tos;
  put16(ip + IPV4_TOTAL, (uint32_t)(IPV4_LENGTH + p->length));
  put16(ip + IPV4_ID, id);
  ip[IPV4_FRAGMENT] = p->habits.df ? IPV4_DF : 0;
  ip[IPV4_TTL] = p->outer.ttl ? p->outer.ttl : p->habits.ttl;
  ip[IPV4_PROTOCOL] = PROTOCOL_UDP;
  put32(ip + IPV4_ADDRESSES, (uint32_t)p->from[3]);
  put32(ip + IPV4_ADDRESSES + 4, (uint32_t)p->to[3]);
  store_checksum(ip + IPV4_CHECKSUM, (uint16_t)~fold(sum_bytes(ip, IPV4_LENGTH)));
  return IPV4_LENGTH;
}

static int write_ipv6(uint8_t *ip, const struct packet *p) {
  put32(ip, 6u << 28 | (uint32_t)p->outer.tos << 20 | p->outer.label);
  put16(ip + IPV6_PAYLOAD, (uint32_t)p->length);
  ip[IPV6_NEXT] = PROTOCOL_UDP;
  ip[IPV6_HOPS] = p->outer.ttl ? p->outer.ttl : p->habits.ttl;
  for (int i = 0; i < 4; i++) put32(ip + IPV6_ADDRESSES + 4 * i, (uint32_t)p->from[i]);
  for (int i = 0; i < 4; i++) put32(ip + IPV6_ADDRESSES + 16 + 4 * i, (uint32_t)p->to[i]);
  return IPV6_LENGTH;
}

/* The sum of the pseudo-header: each piece's checksum is finished where it is cut. */
static void write_udp(uint8_t *udp, const struct packet *p, int port, bool ipv6) {
  int first = ipv6 ? 0 : 3, words = 4 - first;
  uint64_t sum = sum_address(p->from + first, words) + sum_address(p->to + first, words) + PROTOCOL_UDP + (uint64_t)p->length;
  put16(udp, p->habits.port);
  put16(udp + 2, (uint32_t)port);
  put16(udp + UDP_TOTAL, (uint32_t)p->length);
  put16(udp + UDP_CHECKSUM, p->habits.checksum ? fold(sum) : 0);
}

/* Returns their length. */
static int write_headers(struct sender *s, uint8_t *to, uint32_t device, const struct packet *p, int port, int pieces) {
  bool ipv6 = !is_mapped(p->to);
  memset(to, 0, ETHERNET_LENGTH);
  put32(to + DEVICE_AT, device);
  put16(to + TYPE_AT, ipv6 ? 0x86dd : 0x0800);
  int ip = ipv6 ? write_ipv6(to + ETHERNET_LENGTH, p) : write_ipv4(to + ETHERNET_LENGTH, p, s->id);
  s->id = (uint16_t)(s->id + pieces);
  write_udp(to + ETHERNET_LENGTH + ip, p, port, ipv6);
  return ETHERNET_LENGTH + ip + UDP_LENGTH;
}

/* How the kernel is to cut it: as it gave it to us, but for what stands before it now. */
static struct tunnel_header describe(const struct virtio_net_hdr *inner, const struct cut *cut, int headers, bool checksum) {
  int before = headers + VXLAN_LENGTH;
  struct tunnel_header t = {.plain = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM}};
  if (checksum) t.plain.flags |= FLAG_OUTER_CHECKSUM;
  t.plain.gso_type = (uint8_t)(inner->gso_type | (headers == OUTER_MOST ? GSO_OVER_IPV6 : GSO_OVER_IPV4));
  t.plain.gso_size = inner->gso_size;
  t.plain.hdr_len = (uint16_t)(before + cut->frame.payload);
  t.plain.csum_start = (uint16_t)(before + inner->csum_start);
  t.plain.csum_offset = inner->csum_offset;
  t.outer_transport = (uint16_t)(headers - UDP_LENGTH);
  t.inner_network = (uint16_t)(before + cut->frame.ip);
  return t;
}

int leave_whole(struct sender *s, const struct batch *b, int item, const uint8_t *bytes, const struct cut *cut) {
  int32_t target = column(b, COLUMN_TARGET)[item];
  const int32_t *record = s->records + (size_t)target * RECORD_WORDS;
  const struct way *way = &s->ways->of[target];
  const struct envelope *e = envelope_of(s, target);
  struct packet p = {.from = way->source, .to = record + RECORD_ADDRESS, .outer = outer_of(e, cut->bytes, (size_t)cut->frame.end),
                     .habits = s->habits[s->socket], .length = UDP_LENGTH + VXLAN_LENGTH + cut->frame.end};
  uint8_t headers[OUTER_MOST];
  int length = write_headers(s, headers, (uint32_t)way->device, &p, record[RECORD_PORT], cut->count);
  struct tunnel_header tunnel = describe((const struct virtio_net_hdr *)vnet_of(b, item), cut, length, p.habits.checksum);
  struct iovec parts[3] = {{&tunnel, sizeof tunnel}, {headers, (size_t)length}, {(void *)bytes, (size_t)(VXLAN_LENGTH + cut->frame.end)}};
  ssize_t wrote;
  do wrote = writev(__atomic_load_n(&s->ways->outlet, __ATOMIC_ACQUIRE), parts, 3);
  while (wrote < 0 && errno == EINTR);
  s->ways->used = 1;
  return wrote < 0 ? -errno : 0;
}

void outlet_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"outletOpen", outlet_open}};
  EXPORT_ALL(env, exports, list);
}
