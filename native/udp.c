/*
 * UDP underlay. Receiving is recvmmsg into the batch's slots. Sending goes through a `sender`: a fixed set of
 * sockets (one per source port; the flow hash picks one), the remotes' records and the links' ancillary bytes.
 *
 * A record of a remote is eight words (tables/remotes.ts): address in four, port, VNI, link, and the scope of
 * a link-local address. Addresses of both families are IPv4-mapped words in host order.
 *
 * Errors: EAGAIN blocks a socket and leaves its items in the batch. Anything else is either this message's own
 * fault or an ICMP error that an earlier one caused (IP_RECVERR gives it to the next send, whatever its
 * destination): the error queue is drained, which names the remote at fault, and the message is sent once more.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "batch.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_ADDRESS, RECORD_PORT = 4, RECORD_VNI, RECORD_LINK, RECORD_SCOPE, RECORD_WORDS };
enum { SOCKETS_MOST = 256 };
enum { ENVELOPE_BYTES = 128, ENVELOPE_CONTROL = 8 }; /* length in the first byte, control messages from the 8th */
enum { OPTION_IPV6 = 1, OPTION_DF = 2, OPTION_NO_CHECKSUM = 4, OPTION_SENDS_ONLY = 8 };

/* What a transmit reports beside its return value, in words shared with JavaScript. */
enum { STATUS_FAILURES, STATUS_BLOCKED_FD, STATUS_LISTS = 4 };
enum { FAILURES_MOST = 1024 };
enum { DRAIN_MOST = 64 }; /* entries of one error queue read at a time */

struct sender {
  int count;
  int sockets[SOCKETS_MOST];
  const int32_t *records;
  size_t record_count;
  const uint8_t *envelopes;
  size_t envelope_count;
  int32_t *status;
  napi_ref keep[3];
};

static bool is_mapped(const int32_t *address) {
  return address[0] == 0 && address[1] == 0 && address[2] == 0xffff;
}

static socklen_t write_name(struct sockaddr_in6 *name, const int32_t *address, int port, int scope) {
  if (is_mapped(address)) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)name;
    memset(v4, 0, sizeof *v4);
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    v4->sin_addr.s_addr = htonl((uint32_t)address[3]);
    return sizeof *v4;
  }
  memset(name, 0, sizeof *name);
  name->sin6_family = AF_INET6;
  name->sin6_port = htons((uint16_t)port);
  name->sin6_scope_id = (uint32_t)scope;
  for (int i = 0; i < 4; i++) name->sin6_addr.s6_addr32[i] = htonl((uint32_t)address[i]);
  return sizeof *name;
}

static int read_name(const struct sockaddr_in6 *name, int32_t *address) {
  if (name->sin6_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
    address[0] = address[1] = 0;
    address[2] = 0xffff;
    address[3] = (int32_t)ntohl(v4->sin_addr.s_addr);
    return ntohs(v4->sin_port);
  }
  for (int i = 0; i < 4; i++) address[i] = (int32_t)ntohl(name->sin6_addr.s6_addr32[i]);
  return ntohs(name->sin6_port);
}

static int set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Larger than net.core allows only with CAP_NET_ADMIN; the caller reads back what came of it. */
static void set_buffer(int fd, int forced, int plain, int bytes) {
  if (set(fd, SOL_SOCKET, forced, bytes) < 0) set(fd, SOL_SOCKET, plain, bytes);
}

static int configure(int fd, int options, int buffer) {
  bool v6 = options & OPTION_IPV6;
  int discover = options & OPTION_DF ? (v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO)
                                     : (v6 ? IPV6_PMTUDISC_INTERFACE : IP_PMTUDISC_INTERFACE);
  int result = v6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
  if (result == 0) result = v6 ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover) : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover);
  if (result == 0 && options & OPTION_NO_CHECKSUM) result = set(fd, SOL_SOCKET, SO_NO_CHECK, 1);
  if (result == 0 && options & OPTION_SENDS_ONLY) {
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog filter = {1, &nothing};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) result = -errno;
    if (result == 0) result = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : set(fd, IPPROTO_IP, IP_RECVERR, 1);
  }
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

/* udpBuffer(fd, sending): the socket's buffer in bytes, as the kernel granted it */
static napi_value udp_buffer(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  int bytes = 0;
  socklen_t length = sizeof bytes;
  getsockopt(int_arg(env, argv[0]), SOL_SOCKET, int_arg(env, argv[1]) ? SO_SNDBUF : SO_RCVBUF, &bytes, &length);
  return answer(env, bytes / 2); /* the kernel doubles it for its own needs */
}

/* udpEnvelope(bytes, link, source words or null, interface index, ttl, IPv6?): cooks a link's ancillary bytes */
static napi_value udp_envelope(napi_env env, napi_callback_info info) {
  napi_value argv[6];
  arguments(env, info, 6, argv);
  struct bytes all = bytes_arg(env, argv[0]);
  const int32_t *source = (const int32_t *)bytes_arg(env, argv[2]).data;
  int link = int_arg(env, argv[1]), device = int_arg(env, argv[3]), ttl = int_arg(env, argv[4]);
  bool v6 = int_arg(env, argv[5]) != 0;
  if (link < 0 || ((size_t)link + 1) * ENVELOPE_BYTES > all.length) return answer(env, -EINVAL);
  uint8_t *envelope = all.data + (size_t)link * ENVELOPE_BYTES;
  struct cmsghdr *part = (struct cmsghdr *)(envelope + ENVELOPE_CONTROL);
  memset(envelope, 0, ENVELOPE_BYTES);
  size_t used = 0;
  if (source || device) {
    if (v6) {
      struct in6_pktinfo packet = {.ipi6_ifindex = (unsigned)device};
      for (int i = 0; source && i < 4; i++) packet.ipi6_addr.s6_addr32[i] = htonl((uint32_t)source[i]);
      *part = (struct cmsghdr){CMSG_LEN(sizeof packet), IPPROTO_IPV6, IPV6_PKTINFO};
      memcpy(CMSG_DATA(part), &packet, sizeof packet);
      used += CMSG_SPACE(sizeof packet);
    } else {
      struct in_pktinfo packet = {.ipi_ifindex = device};
      if (source) packet.ipi_spec_dst.s_addr = htonl((uint32_t)source[3]);
      *part = (struct cmsghdr){CMSG_LEN(sizeof packet), IPPROTO_IP, IP_PKTINFO};
      memcpy(CMSG_DATA(part), &packet, sizeof packet);
      used += CMSG_SPACE(sizeof packet);
    }
  }
  if (ttl > 0) {
    part = (struct cmsghdr *)(envelope + ENVELOPE_CONTROL + used);
    *part = (struct cmsghdr){CMSG_LEN(sizeof ttl), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL};
    memcpy(CMSG_DATA(part), &ttl, sizeof ttl);
    used += CMSG_SPACE(sizeof ttl);
  }
  envelope[0] = (uint8_t)used;
  return answer(env, 0);
}

/* udpReceive(batch, fd): datagrams received, or -errno when not even the first could be */
static napi_value udp_receive(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  struct batch *b = batch_arg(env, argv[0]);
  for (int i = 0; i < b->capacity; i++) {
    size_t room = item_room(b, i);
    b->vectors[i] = (struct iovec){item_bytes(b, i, room), room};
    b->messages[i].msg_hdr = (struct msghdr){.msg_name = &b->names[i], .msg_namelen = sizeof *b->names, .msg_iov = &b->vectors[i], .msg_iovlen = 1};
  }
  int count;
  do count = recvmmsg(int_arg(env, argv[1]), b->messages, (unsigned)b->capacity, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  if (count < 0) return answer(env, errno == EAGAIN ? 0 : -errno);
  for (int i = 0; i < count; i++) {
    int32_t address[4];
    column(b, COLUMN_FROM_PORT)[i] = read_name(&b->names[i], address);
    for (int k = 0; k < 4; k++) column(b, COLUMN_FROM + k)[i] = address[k];
    /* what did not fit its slot is no datagram any more: the data path counts it as too short */
    column(b, COLUMN_LENGTH)[i] = b->messages[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : (int32_t)b->messages[i].msg_len;
  }
  return answer(env, count);
}

static void release_sender(napi_env env, void *data, void *hint) {
  (void)hint;
  struct sender *s = data;
  for (int i = 0; i < 3; i++)
    if (s->keep[i]) napi_delete_reference(env, s->keep[i]);
  free(s);
}

/* bindSender(sockets, records, envelopes, status): an external, or -errno */
static napi_value bind_sender(napi_env env, napi_callback_info info) {
  napi_value argv[4], external;
  arguments(env, info, 4, argv);
  struct bytes sockets = bytes_arg(env, argv[0]), records = bytes_arg(env, argv[1]), envelopes = bytes_arg(env, argv[2]),
               status = bytes_arg(env, argv[3]);
  size_t need = 4 * (STATUS_LISTS + 2 * FAILURES_MOST);
  if (sockets.length / 4 < 1 || sockets.length / 4 > SOCKETS_MOST || status.length < need) return answer(env, -EINVAL);
  struct sender *s = calloc(1, sizeof *s);
  if (!s) return answer(env, -ENOMEM);
  s->count = (int)(sockets.length / 4);
  memcpy(s->sockets, sockets.data, sockets.length);
  s->records = (const int32_t *)records.data;
  s->record_count = records.length / 4 / RECORD_WORDS;
  s->envelopes = envelopes.data;
  s->envelope_count = envelopes.length / ENVELOPE_BYTES;
  s->status = (int32_t *)status.data;
  bool kept = true;
  for (int i = 0; i < 3; i++) kept = kept && napi_create_reference(env, argv[i + 1], 1, &s->keep[i]) == napi_ok;
  if (!kept || napi_create_external(env, s, release_sender, NULL, &external) != napi_ok) {
    release_sender(env, s, NULL);
    return answer(env, -ENOMEM);
  }
  return external;
}

static void fail(struct sender *s, int target, int error) {
  int at = s->status[STATUS_FAILURES];
  if (at >= FAILURES_MOST) return;
  s->status[STATUS_LISTS + 2 * at] = target;
  s->status[STATUS_LISTS + 2 * at + 1] = error;
  s->status[STATUS_FAILURES] = at + 1;
}

/* The remote that an ICMP error speaks of: by address and port, and by the VNI of the datagram it quotes. */
static int find_remote(const struct sender *s, const int32_t *address, int port, const uint8_t *quoted, ssize_t length) {
  int32_t vni = length >= 8 ? quoted[4] << 16 | quoted[5] << 8 | quoted[6] : -1;
  for (size_t i = 0; i < s->record_count; i++) {
    const int32_t *record = s->records + i * RECORD_WORDS;
    if (record[RECORD_LINK] != 0 && record[RECORD_PORT] == port && (vni < 0 || record[RECORD_VNI] == vni) &&
        memcmp(record + RECORD_ADDRESS, address, 4 * sizeof *address) == 0)
      return (int)i;
  }
  return -1;
}

/* One entry of the error queue, charged to the destination that could not be reached. False: the queue is empty. */
static bool drain_one(struct sender *s, int fd) {
  struct sockaddr_in6 name;
  char control[256];
  uint8_t quoted[8];
  struct iovec part = {quoted, sizeof quoted};
  struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (got < 0) return false;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) && !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) continue;
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(c), sizeof error);
    if (error.ee_origin == SO_EE_ORIGIN_LOCAL) continue; /* the send itself reports that one */
    int32_t address[4];
    int port = read_name(&name, address);
    int remote = find_remote(s, address, port, quoted, got);
    if (remote >= 0) fail(s, remote, (int)error.ee_errno);
  }
  return true;
}

static void drain_errors(struct sender *s, int fd) {
  for (int i = 0; i < DRAIN_MOST && drain_one(s, fd); i++) {
  }
}

/* Message `at` for item `i`; false when the item names nothing that could be sent. */
static bool prepare(struct sender *s, struct batch *b, int i, int at) {
  uint32_t target = (uint32_t)column(b, COLUMN_TARGET)[i];
  size_t length = (uint32_t)column(b, COLUMN_LENGTH)[i];
  uint8_t *bytes = item_bytes(b, i, length);
  if (target >= s->record_count || !bytes) return false;
  const int32_t *record = s->records + (size_t)target * RECORD_WORDS;
  b->vectors[at] = (struct iovec){bytes, length};
  struct msghdr *m = &b->messages[at].msg_hdr;
  *m = (struct msghdr){.msg_name = &b->names[at], .msg_iov = &b->vectors[at], .msg_iovlen = 1};
  m->msg_namelen = write_name(&b->names[at], record + RECORD_ADDRESS, record[RECORD_PORT], record[RECORD_SCOPE]);
  uint32_t link = (uint32_t)record[RECORD_LINK];
  if (link < s->envelope_count && s->envelopes[(size_t)link * ENVELOPE_BYTES]) {
    const uint8_t *envelope = s->envelopes + (size_t)link * ENVELOPE_BYTES;
    m->msg_control = (void *)(envelope + ENVELOPE_CONTROL);
    m->msg_controllen = envelope[0];
  }
  return true;
}

/* Sends the messages [at, end) of one socket; returns how many are left because the socket is full. */
static int send_run(struct sender *s, struct batch *b, int fd, int at, int end) {
  bool retried = false;
  while (at < end) {
    int sent = sendmmsg(fd, b->messages + at, (unsigned)(end - at), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += sent;
      retried = false;
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) break;
    drain_errors(s, fd);
    if (!retried && error != ENOBUFS) {
      retried = true;
      continue;
    }
    fail(s, column(b, COLUMN_TARGET)[b->order[at]], error);
    at++;
    retried = false;
  }
  return end - at;
}

/* Moves the blocked items, marked by a negative length, in order to the end of the range. */
static void keep_blocked(struct batch *b, int from, int to) {
  int32_t *length = column(b, COLUMN_LENGTH);
  for (int i = to - 1, end = to; i >= from; i--) {
    if (length[i] >= 0) continue;
    end--;
    for (int c = COLUMN_SLOT; c <= COLUMN_FLOW; c++) column(b, c)[end] = column(b, c)[i];
    length[end] = -length[end];
    if (end != i) length[i] = 0;
  }
}

/* udpTransmit(batch, sender, from, to): how many are left at the end of the range because a socket is full */
static napi_value udp_transmit(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  struct batch *b = batch_arg(env, argv[0]);
  struct sender *s = external_arg(env, argv[1]);
  int from = int_arg(env, argv[2]), to = int_arg(env, argv[3]), blocked = 0;
  memset(s->status, 0, sizeof(int32_t) * STATUS_LISTS);
  s->status[STATUS_BLOCKED_FD] = -1;
  if (from < 0 || to > b->capacity || from >= to) return answer(env, 0);

  /* 1. A stable sort by socket: a flow keeps its socket, so its order stays. */
  int first[SOCKETS_MOST + 1];
  memset(first, 0, sizeof first);
  const int32_t *flow = column(b, COLUMN_FLOW);
  for (int i = from; i < to; i++) first[(uint32_t)flow[i] % (unsigned)s->count + 1]++;
  for (int k = 0; k < s->count; k++) first[k + 1] += first[k];
  int next[SOCKETS_MOST];
  memcpy(next, first, sizeof next);
  for (int i = from; i < to; i++) b->order[next[(uint32_t)flow[i] % (unsigned)s->count]++] = i;

  /* 2. Messages, without the items that cannot be one. */
  for (int k = 0, at = 0; k < s->count; k++) {
    int run = at, end = first[k + 1];
    for (int o = first[k]; o < end; o++) {
      int item = b->order[o];
      if (!prepare(s, b, item, at)) fail(s, column(b, COLUMN_TARGET)[item], EFAULT);
      else b->order[at++] = item;
    }
    /* 3. One run a socket. */
    int left = run < at ? send_run(s, b, s->sockets[k], run, at) : 0;
    if (left == 0) continue;
    for (int o = at - left; o < at; o++) column(b, COLUMN_LENGTH)[b->order[o]] *= -1;
    s->status[STATUS_BLOCKED_FD] = s->sockets[k];
    blocked += left;
  }
  if (blocked > 0) keep_blocked(b, from, to);
  return answer(env, blocked);
}

void udp_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"udpOpen", udp_open},       {"udpBuffer", udp_buffer},   {"udpEnvelope", udp_envelope},
                                       {"udpReceive", udp_receive}, {"bindSender", bind_sender}, {"udpTransmit", udp_transmit}};
  EXPORT_ALL(env, exports, list);
}
