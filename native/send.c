/*
 * Sending datagrams through a `sender`: a fixed set of sockets (one per source port; the flow hash picks one), the
 * remotes' records and the links' ancillary bytes.
 *
 *   1. sort by socket, stably: a flow keeps its socket, so its order stays
 *   2. make messages: a superframe is cut into segments, which leave as one train (UDP_SEGMENT); so do frames of one
 *      length to one remote that follow each other; the last of a train may be shorter
 *   3. send a socket's messages in one call
 *
 * Errors: EAGAIN blocks a socket and leaves its items in the batch. Anything else is either this message's own
 * fault or an ICMP error that an earlier one caused (IP_RECVERR gives it to the next send, whatever its
 * destination): the error queue is drained, which names the remote at fault, and the message is sent once more. A
 * train that is refused is sent again datagram by datagram.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "batch.h"
#include "segment.h"
#include "udp.h"
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdlib.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { SOCKETS_MOST = 256, FAILURES_MOST = 1024, DRAIN_MOST = 64 };
enum { TRAIN_MOST = 64, TRAIN_BYTES_MOST = 65507 }; /* UDP_MAX_SEGMENTS before Linux 6.9, and a datagram over IPv4 */
enum { MESSAGES = 256, VECTORS = 4096, BLOCKS = 1024, BLOCK_BYTES = VXLAN_LENGTH + HEADERS_MOST, TRAIN_CONTROL = 192 };

/* What a transmit reports beside its return value, in words shared with JavaScript. */
enum { STATUS_FAILURES, STATUS_BLOCKED_FD, STATUS_TRAINS_REFUSED, STATUS_LISTS = 4 };

/* What a message is made of: items first to last of the order, or segments of the one item. */
struct train {
  int first, count;
  int segment; /* of a superframe, the first one in this message; -1: whole frames */
  int datagrams, size, bytes;
  bool closed;
};

struct sender {
  int count;
  int sockets[SOCKETS_MOST];
  const int32_t *records;
  size_t record_count;
  const uint8_t *envelopes;
  size_t envelope_count;
  int32_t *status;
  double *stats;
  bool trains_allowed;
  napi_ref keep[4];
  /* messages of one socket, as many as are prepared */
  int messages, vectors, blocks;
  struct mmsghdr message[MESSAGES];
  struct train train[MESSAGES];
  struct sockaddr_in6 name[MESSAGES];
  uint8_t control[MESSAGES][TRAIN_CONTROL] __attribute__((aligned(8)));
  struct iovec vector[VECTORS];
  uint8_t block[BLOCKS][BLOCK_BYTES];
};

static struct virtio_net_hdr *item_vnet(const struct batch *b, int item) { return (struct virtio_net_hdr *)vnet_of(b, item); }

/* How many segments of a superframe have left already: in the two bytes behind its offload header. */
static int segments_gone(const struct batch *b, int item) { return (int)((uint32_t)vnet_of(b, item)[2] >> 16); }
static void set_segments_gone(const struct batch *b, int item, int count) {
  int32_t *word = &vnet_of(b, item)[2];
  *word = (int32_t)(((uint32_t)*word & 0xffff) | (uint32_t)count << 16);
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
  int32_t vni = length >= VXLAN_LENGTH ? quoted[4] << 16 | quoted[5] << 8 | quoted[6] : -1;
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
  uint8_t quoted[VXLAN_LENGTH];
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

static int target_of(const struct sender *s, const struct batch *b, int m) { return column(b, COLUMN_TARGET)[b->order[s->train[m].first]]; }

/* A new message to the remote of the item at `o`; the caller has seen that there is room. */
static struct train *open_message(struct sender *s, struct batch *b, int o, int segment) {
  int m = s->messages++;
  struct msghdr *message = &s->message[m].msg_hdr;
  const int32_t *record = s->records + (size_t)column(b, COLUMN_TARGET)[b->order[o]] * RECORD_WORDS;
  *message = (struct msghdr){.msg_name = &s->name[m], .msg_iov = &s->vector[s->vectors], .msg_control = s->control[m]};
  message->msg_namelen = write_name(&s->name[m], record + RECORD_ADDRESS, record[RECORD_PORT], record[RECORD_SCOPE]);
  uint32_t link = (uint32_t)record[RECORD_LINK];
  if (link < s->envelope_count) {
    const uint8_t *envelope = s->envelopes + (size_t)link * ENVELOPE_BYTES;
    memcpy(s->control[m], envelope + ENVELOPE_CONTROL, envelope[0]);
    message->msg_controllen = envelope[0];
  }
  s->train[m] = (struct train){.first = o, .segment = segment};
  return &s->train[m];
}

static void add_vector(struct sender *s, void *bytes, size_t length) {
  s->vector[s->vectors++] = (struct iovec){bytes, length};
  s->message[s->messages - 1].msg_hdr.msg_iovlen++;
}

static void add_datagram(struct train *t, int bytes) {
  if (t->datagrams++ == 0) t->size = bytes;
  t->bytes += bytes;
  t->closed = bytes < t->size;
}

static bool has_room(const struct sender *s, int vectors, int blocks) {
  return s->messages < MESSAGES && s->vectors + vectors <= VECTORS && s->blocks + blocks <= BLOCKS;
}

/* A frame that is no superframe: behind those before it, if they are one train with it, or as a message of its own. */
static bool add_frame(struct sender *s, struct batch *b, int o, uint8_t *bytes, int length) {
  struct train *t = s->messages > 0 ? &s->train[s->messages - 1] : NULL;
  bool joins = t && s->trains_allowed && t->segment < 0 && !t->closed && length <= t->size && t->datagrams < TRAIN_MOST &&
               t->bytes + length <= TRAIN_BYTES_MOST && target_of(s, b, s->messages - 1) == column(b, COLUMN_TARGET)[b->order[o]];
  if (!has_room(s, 1, 0)) return false;
  if (!joins) t = open_message(s, b, o, -1);
  add_vector(s, bytes, (size_t)length);
  add_datagram(t, length);
  t->count++;
  return true;
}

/* The messages of a superframe, evenly filled: 23 + 23 segments go through faster than 44 + 2. */
static bool add_superframe(struct sender *s, struct batch *b, int o, uint8_t *bytes, const struct cut *cut) {
  int item = b->order[o], size = VXLAN_LENGTH + cut->frame.payload + cut->size;
  int most = !s->trains_allowed || size > TRAIN_BYTES_MOST ? 1 : TRAIN_BYTES_MOST / size < TRAIN_MOST ? TRAIN_BYTES_MOST / size : TRAIN_MOST;
  int trains = (cut->count + most - 1) / most, each = (cut->count + trains - 1) / trains;
  for (int i = segments_gone(b, item); i < cut->count;) {
    if (!has_room(s, 2 * each, each)) {
      /* what is prepared leaves, then this item goes on here */
      set_segments_gone(b, item, i);
      return false;
    }
    struct train *t = open_message(s, b, o, i);
    t->count = 1;
    for (int end = i + each; i < end && i < cut->count; i++) {
      uint8_t *block = s->block[s->blocks++];
      int payload_length;
      const uint8_t *payload = make_segment(cut, i, block + VXLAN_LENGTH, &payload_length);
      memcpy(block, bytes, VXLAN_LENGTH);
      add_vector(s, block, (size_t)(VXLAN_LENGTH + cut->frame.payload));
      add_vector(s, (void *)payload, (size_t)payload_length);
      add_datagram(t, VXLAN_LENGTH + cut->frame.payload + payload_length);
    }
  }
  return true;
}

/* Prepares the item at `o`. False: there is no room for more messages. */
static bool prepare(struct sender *s, struct batch *b, int o) {
  int item = b->order[o];
  uint32_t target = (uint32_t)column(b, COLUMN_TARGET)[item];
  size_t length = (uint32_t)column(b, COLUMN_LENGTH)[item];
  uint8_t *bytes = item_bytes(b, item, length);
  struct cut cut;
  if (target >= s->record_count || !bytes || length < VXLAN_LENGTH) fail(s, (int)target, EFAULT);
  else if (!plan_cut(bytes + VXLAN_LENGTH, length - VXLAN_LENGTH, item_vnet(b, item), &cut)) fail(s, (int)target, EPROTO);
  else if (item_vnet(b, item)->gso_type != VIRTIO_NET_HDR_GSO_NONE) return add_superframe(s, b, o, bytes, &cut);
  else return add_frame(s, b, o, bytes, (int)length);
  return true;
}

static void set_train_size(struct sender *s, int m) {
  struct msghdr *message = &s->message[m].msg_hdr;
  if (s->train[m].datagrams < 2) return;
  struct cmsghdr *part = (struct cmsghdr *)(s->control[m] + message->msg_controllen);
  uint16_t size = (uint16_t)s->train[m].size;
  *part = (struct cmsghdr){CMSG_LEN(sizeof size), IPPROTO_UDP, UDP_SEGMENT};
  memcpy(CMSG_DATA(part), &size, sizeof size);
  message->msg_controllen += CMSG_SPACE(sizeof size);
}

/* Datagrams of a message that have left: the rest of its items, or of its superframe's segments, stays. */
static void datagrams_gone(struct sender *s, struct batch *b, int m, int count) {
  struct train *t = &s->train[m];
  if (t->segment >= 0) {
    t->segment += count;
    set_segments_gone(b, b->order[t->first], t->segment);
  } else {
    t->first += count;
    t->count -= count;
  }
}

/* A refused train, datagram by datagram. False: the socket is full. */
static bool send_singly(struct sender *s, struct batch *b, int fd, int m, int refusal) {
  const struct train t = s->train[m];
  struct msghdr message = s->message[m].msg_hdr;
  int parts = t.segment >= 0 ? 2 : 1, gone = 0;
  message.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
  message.msg_iovlen = (size_t)parts;
  for (; gone < t.datagrams; gone++, message.msg_iov += parts) {
    ssize_t sent;
    do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) {
      int error = errno;
      drain_errors(s, fd);
      fail(s, target_of(s, b, m), error);
    } else if (refusal != EMSGSIZE) {
      s->trains_allowed = false; /* it was the train that the path would not have */
      s->status[STATUS_TRAINS_REFUSED] = refusal;
    }
  }
  s->stats[STAT_TRAINS_REFUSED]++;
  datagrams_gone(s, b, m, gone);
  return gone == t.datagrams;
}

static void count_sent(struct sender *s, int m) {
  if (s->train[m].datagrams < 2) return;
  s->stats[STAT_TRAINS]++;
  s->stats[STAT_TRAIN_FRAMES] += s->train[m].datagrams;
}

/* What is prepared leaves by one socket; returns the first message that did not because the socket is full. */
static int send_messages(struct sender *s, struct batch *b, int fd) {
  bool retried = false;
  int m = 0;
  for (int i = 0; i < s->messages; i++) set_train_size(s, i);
  while (m < s->messages) {
    int sent = sendmmsg(fd, s->message + m, (unsigned)(s->messages - m), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      for (; sent > 0; sent--) count_sent(s, m++);
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
    retried = false;
    bool train = s->train[m].datagrams > 1;
    if (train && error != ENOBUFS) {
      if (!send_singly(s, b, fd, m, error)) break;
    } else {
      for (int i = 0; i < s->train[m].datagrams; i++) fail(s, target_of(s, b, m), error);
    }
    m++;
  }
  return m;
}

/* Items of the order from `o` on stay; a negative length marks them. Where a superframe's first segments left, it goes on there. */
static void block(struct batch *b, int o, int end) {
  for (; o < end; o++) column(b, COLUMN_LENGTH)[b->order[o]] *= -1;
}

/* Sends the items [o, end) of the order by one socket; returns the first that stays. */
static int send_items(struct sender *s, struct batch *b, int fd, int o, int end) {
  while (o < end) {
    s->messages = s->vectors = s->blocks = 0;
    while (o < end && prepare(s, b, o)) o++;
    int prepared = s->messages, m = send_messages(s, b, fd);
    if (m == prepared) continue;
    const struct train *t = &s->train[m];
    if (t->segment >= 0) set_segments_gone(b, b->order[t->first], t->segment);
    return t->first;
  }
  return end;
}

/* Moves the items that stay, in order, to the end of the range. */
static int keep_blocked(struct batch *b, int from, int to) {
  int32_t *length = column(b, COLUMN_LENGTH);
  int kept = to;
  for (int i = to - 1; i >= from; i--) {
    if (length[i] >= 0) continue;
    kept--;
    for (int c = COLUMN_SLOT; c <= COLUMN_FLOW; c++) column(b, c)[kept] = column(b, c)[i];
    memmove(vnet_of(b, kept), vnet_of(b, i), VNET_WORDS * sizeof(int32_t));
    length[kept] = -length[kept];
    if (kept != i) length[i] = 0;
  }
  return to - kept;
}

static void sort_by_socket(struct batch *b, int from, int to, int sockets, int *first) {
  const int32_t *flow = column(b, COLUMN_FLOW);
  int next[SOCKETS_MOST];
  memset(first, 0, (size_t)(sockets + 1) * sizeof *first);
  for (int i = from; i < to; i++) first[(uint32_t)flow[i] % (unsigned)sockets + 1]++;
  for (int k = 0; k < sockets; k++) first[k + 1] += first[k];
  memcpy(next, first, (size_t)sockets * sizeof *next);
  for (int i = from; i < to; i++) b->order[next[(uint32_t)flow[i] % (unsigned)sockets]++] = i;
}

/* udpTransmit(batch, sender, from, to): how many are left at the end of the range because a socket is full */
static napi_value udp_transmit(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  struct batch *b = batch_arg(env, argv[0]);
  struct sender *s = external_arg(env, argv[1]);
  int from = int_arg(env, argv[2]), to = int_arg(env, argv[3]);
  s->status[STATUS_FAILURES] = 0;
  s->status[STATUS_BLOCKED_FD] = -1;
  if (from < 0 || to > b->capacity || from >= to) return answer(env, 0);
  int first[SOCKETS_MOST + 1];
  bool blocked = false;
  sort_by_socket(b, from, to, s->count, first);
  for (int k = 0; k < s->count; k++) {
    if (first[k] == first[k + 1]) continue;
    int stays = send_items(s, b, s->sockets[k], first[k], first[k + 1]);
    if (stays == first[k + 1]) continue;
    block(b, stays, first[k + 1]);
    s->status[STATUS_BLOCKED_FD] = s->sockets[k];
    blocked = true;
  }
  return answer(env, blocked ? keep_blocked(b, from, to) : 0);
}

static void release_sender(napi_env env, void *data, void *hint) {
  (void)hint;
  struct sender *s = data;
  for (int i = 0; i < 4; i++)
    if (s->keep[i]) napi_delete_reference(env, s->keep[i]);
  free(s);
}

/* bindSender(sockets, records, envelopes, status, stats, trains?): an external, or -errno */
static napi_value bind_sender(napi_env env, napi_callback_info info) {
  napi_value argv[6], external;
  arguments(env, info, 6, argv);
  struct bytes sockets = bytes_arg(env, argv[0]), records = bytes_arg(env, argv[1]), envelopes = bytes_arg(env, argv[2]),
               status = bytes_arg(env, argv[3]), stats = bytes_arg(env, argv[4]);
  size_t need = 4 * (STATUS_LISTS + 2 * FAILURES_MOST);
  if (sockets.length / 4 < 1 || sockets.length / 4 > SOCKETS_MOST || status.length < need || stats.length < 8 * STATS) return answer(env, -EINVAL);
  struct sender *s = calloc(1, sizeof *s);
  if (!s) return answer(env, -ENOMEM);
  s->count = (int)(sockets.length / 4);
  memcpy(s->sockets, sockets.data, sockets.length);
  s->records = (const int32_t *)records.data;
  s->record_count = records.length / 4 / RECORD_WORDS;
  s->envelopes = envelopes.data;
  s->envelope_count = envelopes.length / ENVELOPE_BYTES;
  s->status = (int32_t *)status.data;
  s->stats = (double *)stats.data;
  s->trains_allowed = int_arg(env, argv[5]) != 0;
  bool kept = true;
  for (int i = 0; i < 4; i++) kept = kept && napi_create_reference(env, argv[i + 1], 1, &s->keep[i]) == napi_ok;
  if (!kept || napi_create_external(env, s, release_sender, NULL, &external) != napi_ok) {
    release_sender(env, s, NULL);
    return answer(env, -ENOMEM);
  }
  return external;
}

void send_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"bindSender", bind_sender}, {"udpTransmit", udp_transmit}};
  EXPORT_ALL(env, exports, list);
}
