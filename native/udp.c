/*
 * UDP sockets of the underlay, and receiving: recvmmsg into the batch's slots. With UDP_GRO one message may be a
 * train: equal datagrams of one sender, one behind the other; each becomes an item of its own over the same slot.
 */
#define _GNU_SOURCE
#include "udp.h"
#include "addon.h"
#include "batch.h"
#include "frame.h"
#include "outer.h"
#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_IPV6 = 1, OPTION_DF = 2, OPTION_NO_CHECKSUM = 4, OPTION_SENDS_ONLY = 8, OPTION_SHARES = 16 };

#ifndef IPV6_FLOWINFO_SEND /* in linux/in6.h, which does not go with netinet/in.h */
#define IPV6_FLOWINFO_SEND 33
#endif

#ifndef IPV6_MULTICAST_ALL /* Linux 4.20 */
#define IPV6_MULTICAST_ALL 29
#endif

#ifndef UDP_GRO
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

static int set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Larger than net.core allows only with CAP_NET_ADMIN; the caller reads back what came of it. */
static void set_buffer(int fd, int forced, int plain, int bytes) {
  if (set(fd, SOL_SOCKET, forced, bytes) < 0) set(fd, SOL_SOCKET, plain, bytes);
}

/* Sends only: nothing is received but errors, groups do not bring back what was sent, and flow labels are the link's. */
static int configure_sending(int fd, bool v6) {
  struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog filter = {1, &nothing};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) return -errno;
  int result = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : set(fd, IPPROTO_IP, IP_RECVERR, 1);
  if (!v6) return result < 0 ? result : set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  if (result == 0) result = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  if (result == 0) result = set(fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1);
  return result < 0 ? result : set(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
}

/* Groups are the first socket's: each of several that share a port would have a copy. */
static int configure_receiving(int fd, bool v6, bool shares) {
  int result = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) : set(fd, IPPROTO_IP, IP_RECVTOS, 1);
  if (result < 0 || !shares) return result;
  return v6 ? set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) : set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
}

static int configure(int fd, int options, int buffer) {
  bool v6 = options & OPTION_IPV6;
  int discover = options & OPTION_DF ? (v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO)
                                     : (v6 ? IPV6_PMTUDISC_INTERFACE : IP_PMTUDISC_INTERFACE);
  int result = v6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
  if (result == 0) result = v6 ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover) : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover);
  if (result == 0 && options & OPTION_SHARES) result = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (result == 0 && options & OPTION_NO_CHECKSUM) result = v6 ? set(fd, IPPROTO_UDP, UDP_NO_CHECK6_TX, 1) : set(fd, SOL_SOCKET, SO_NO_CHECK, 1);
  if (result == 0) result = options & OPTION_SENDS_ONLY ? configure_sending(fd, v6) : configure_receiving(fd, v6, options & OPTION_SHARES);
  if (options & OPTION_SENDS_ONLY) set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, buffer);
  else set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, buffer);
  return result;
}

/* udpOpen(address words, port, scope, options, buffer): fd or -errno */
static napi_value udp_open(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  arguments(env, info, 5, argv);
  const int32_t *address = (const int32_t *)bytes_arg(env, argv[0]).data;
  int port = int_arg(env, argv[1]), scope = int_arg(env, argv[2]), options = int_arg(env, argv[3]);
  int fd = socket(options & OPTION_IPV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return answer(env, -errno);
  int result = configure(fd, options, int_arg(env, argv[4]));
  struct sockaddr_in6 name;
  socklen_t length = write_name(&name, address, port, scope);
  if (result == 0 && bind(fd, (struct sockaddr *)&name, length) != 0) result = -errno;
  if (result < 0) close(fd);
  return answer(env, result < 0 ? result : fd);
}

/* udpShare(fd): sockets that share may now be bound beside this one (SO_REUSEPORT); 0 or -errno */
static napi_value udp_share(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  return answer(env, set(int_arg(env, argv[0]), SOL_SOCKET, SO_REUSEPORT, 1));
}

/* udpUnchecked(fd, on?): whether datagrams over IPv6 that have no checksum are taken; 0 or -errno */
static napi_value udp_unchecked(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  return answer(env, set(int_arg(env, argv[0]), IPPROTO_UDP, UDP_NO_CHECK6_RX, int_arg(env, argv[1])));
}

/* udpGroups(IPv6?): a socket to join groups by, and for nothing else; fd or -errno */
static napi_value udp_groups(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  int fd = socket(int_arg(env, argv[0]) ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return answer(env, fd < 0 ? -errno : fd);
}

/* udpGroup(fd, group's words, interface index, join?): 0 or -errno */
static napi_value udp_group(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  const int32_t *group = (const int32_t *)bytes_arg(env, argv[1]).data;
  struct group_req request = {.gr_interface = (uint32_t)int_arg(env, argv[2])};
  struct sockaddr_in6 name;
  socklen_t length = write_name(&name, group, 0, 0);
  memcpy(&request.gr_group, &name, length);
  int level = is_mapped(group) ? IPPROTO_IP : IPPROTO_IPV6, option = int_arg(env, argv[3]) ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
  return answer(env, setsockopt(int_arg(env, argv[0]), level, option, &request, sizeof request) == 0 ? 0 : -errno);
}

/* udpTrains(fd): lets the kernel hand over trains of equal datagrams whole (UDP_GRO, Linux 5.0); 0 or -errno */
static napi_value udp_trains(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  return answer(env, set(int_arg(env, argv[0]), IPPROTO_UDP, UDP_GRO, 1));
}

/* udpSegments(fd): whether trains may leave by it (UDP_SEGMENT, Linux 4.18); 0 or -errno */
static napi_value udp_segments(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  return answer(env, set(int_arg(env, argv[0]), IPPROTO_UDP, UDP_SEGMENT, 0));
}

/* udpBuffer(fd, sending): the socket's buffer in bytes, as the kernel granted it */
static napi_value udp_buffer(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  int bytes = 0;
  socklen_t length = sizeof bytes;
  getsockopt(int_arg(env, argv[0]), SOL_SOCKET, int_arg(env, argv[1]) ? SO_SNDBUF : SO_RCVBUF, &bytes, &length);
  return answer(env, bytes / 2); /* the kernel doubles it for its own needs */
}

/* udpEnvelope(bytes, link, source words or null, interface index, ttl, tos, flow label, what is inherited): 0 or -errno */
static napi_value udp_envelope(napi_env env, napi_callback_info info) {
  napi_value argv[8];
  arguments(env, info, 8, argv);
  struct bytes all = bytes_arg(env, argv[0]);
  const int32_t *source = (const int32_t *)bytes_arg(env, argv[2]).data;
  int link = int_arg(env, argv[1]);
  if (link < 0 || ((size_t)link + 1) * ENVELOPE_BYTES > all.length) return answer(env, -EINVAL);
  struct envelope *e = (struct envelope *)(all.data + (size_t)link * ENVELOPE_BYTES);
  *e = (struct envelope){.device = (uint32_t)int_arg(env, argv[3]), .ttl = (uint8_t)int_arg(env, argv[4]), .tos = (uint8_t)int_arg(env, argv[5]),
                         .label = (uint32_t)int_arg(env, argv[6]), .inherits = (uint8_t)int_arg(env, argv[7])};
  if (source) memcpy(e->source, source, sizeof e->source);
  return answer(env, 0);
}

/* Item `at` becomes a datagram of message `m`. */
static void take_datagram(struct batch *b, int at, int m, const int32_t *address, int port, int start, int length) {
  column(b, COLUMN_SLOT)[at] = b->first_slot + m;
  column(b, COLUMN_START)[at] = HEADROOM + start;
  column(b, COLUMN_LENGTH)[at] = length;
  for (int k = 0; k < 4; k++) column(b, COLUMN_FROM + k)[at] = address[k];
  column(b, COLUMN_FROM_PORT)[at] = port;
}

/*
 * What came with a message. `size`: of a train's datagrams, or of an inner superframe's; that of the message, where none
 * did. `tos`: of the outer header, the same for a whole train, as the kernel makes none of different ones.
 */
struct told {
  int size, tos;
};

static struct told read_told(struct msghdr *message, int length) {
  struct told told = {length, 0};
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    int value = 0;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) told.tos = *CMSG_DATA(c); /* the only one of a byte */
    if (c->cmsg_len >= CMSG_LEN(sizeof value)) memcpy(&value, CMSG_DATA(c), sizeof value);
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) told.tos = value;
    if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO && value > 0 && value < length) told.size = value;
  }
  return told;
}

/*
 * Over veth a kernel peer's UDP superframe arrives whole, and the size that is told is that of the inner datagrams: the
 * frame goes on to the end of the message. Parts of a train end where they should, or inner bytes would become datagrams.
 */
static bool is_superframe(const uint8_t *bytes, size_t length) {
  struct frame f;
  return length > VXLAN_LENGTH && find_headers(bytes + VXLAN_LENGTH, length - VXLAN_LENGTH, &f) && !f.tcp && (size_t)f.end == length - VXLAN_LENGTH;
}

/* Takes messages apart until there are no more, or no more items; goes on there at the next call. */
static int take_apart(struct batch *b, double *stats) {
  int at = 0;
  for (; b->taken < b->received && at < b->capacity; b->taken++) {
    struct msghdr *message = &b->messages[b->taken].msg_hdr;
    int32_t address[4];
    int port = read_name(&b->names[b->taken], address);
    int length = (int)b->messages[b->taken].msg_len;
    struct told told = read_told(message, length);
    int size = told.size;
    struct virtio_net_hdr vnet = {0};
    if (size < length && is_superframe(message->msg_iov->iov_base, (size_t)length)) {
      vnet = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = (uint16_t)size};
      size = length;
    }
    /* what did not fit its slot is no datagram any more: the data path counts it as too short */
    if (message->msg_flags & MSG_TRUNC) size = length = 0;
    if (size < length && b->taken_bytes == 0) stats[STAT_TRAINS_RECEIVED]++;
    do {
      int rest = length - b->taken_bytes;
      if (size < length) stats[STAT_TRAIN_FRAMES_RECEIVED]++;
      memcpy(vnet_of(b, at), &vnet, sizeof vnet);
      column(b, COLUMN_TOS)[at] = told.tos;
      take_datagram(b, at++, b->taken, address, port, b->taken_bytes, rest < size ? rest : size);
      b->taken_bytes += size;
    } while (b->taken_bytes < length && at < b->capacity);
    if (b->taken_bytes < length) return at;
    b->taken_bytes = 0;
  }
  return at;
}

/* udpReceive(batch, fd, messages, stats): datagrams received, or -errno when not even the first could be */
static napi_value udp_receive(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  struct batch *b = batch_arg(env, argv[0]);
  int most = int_arg(env, argv[2]);
  double *stats = (double *)bytes_arg(env, argv[3]).data;
  if (b->taken < b->received) return answer(env, take_apart(b, stats));
  if (most > b->slots) most = b->slots;
  for (int i = 0; i < most; i++) {
    size_t room;
    uint8_t *bytes = slot_room(b, i, &room);
    b->vectors[i] = (struct iovec){bytes, room};
    b->messages[i].msg_hdr = (struct msghdr){.msg_name = &b->names[i], .msg_namelen = sizeof *b->names, .msg_iov = &b->vectors[i], .msg_iovlen = 1,
                                             .msg_control = b->controls[i], .msg_controllen = CONTROL_BYTES};
  }
  b->taken = b->taken_bytes = b->received = 0;
  int count;
  do count = recvmmsg(int_arg(env, argv[1]), b->messages, (unsigned)most, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  if (count < 0) return answer(env, errno == EAGAIN ? 0 : -errno);
  b->received = count;
  return answer(env, take_apart(b, stats));
}

void udp_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {
      {"udpOpen", udp_open}, {"udpBuffer", udp_buffer}, {"udpShare", udp_share}, {"udpUnchecked", udp_unchecked}, {"udpGroups", udp_groups}, {"udpGroup", udp_group}, {"udpTrains", udp_trains}, {"udpSegments", udp_segments}, {"udpEnvelope", udp_envelope}, {"udpReceive", udp_receive}};
  EXPORT_ALL(env, exports, list);
}
