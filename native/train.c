/*
 * Making messages: a superframe is cut into segments, which leave as one train (UDP_SEGMENT); so do frames of one length
 * to one remote, with the same outer header, that follow each other; the last of a train may be shorter.
 */
#define _GNU_SOURCE
#include "send.h"
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { TRAIN_MOST = 64, TRAIN_BYTES_MOST = 65507 }; /* UDP_MAX_SEGMENTS before Linux 6.9, and a datagram over IPv4 */
enum { BACK_PRESSURE = 16 }; /* superframes for which the sockets say when there is room again */
enum { SINGLY = 1000 }; /* frames or superframes, after which a path that refused a train may have changed */

static struct virtio_net_hdr *item_vnet(const struct batch *b, int item) { return (struct virtio_net_hdr *)vnet_of(b, item); }

/* How many segments of a superframe have left already: in the two bytes behind its offload header. */
static int segments_gone(const struct batch *b, int item) { return (int)((uint32_t)vnet_of(b, item)[2] >> 16); }
static void set_segments_gone(const struct batch *b, int item, int count) {
  int32_t *word = &vnet_of(b, item)[2];
  *word = (int32_t)(((uint32_t)*word & 0xffff) | (uint32_t)count << 16);
}

void avoid_trains(struct sender *s, int32_t target) { s->singly[target] = SINGLY; }

static bool takes_trains(struct sender *s, int32_t target) {
  if (!s->trains_allowed) return false;
  if (s->singly[target] == 0) return true;
  s->singly[target]--;
  return false;
}

/* A record of no link has none of its own. */
const struct envelope *envelope_of(const struct sender *s, int32_t target) {
  static const struct envelope plain;
  uint32_t link = (uint32_t)s->records[(size_t)target * RECORD_WORDS + RECORD_LINK];
  return link < s->envelope_count ? (const struct envelope *)(s->envelopes + (size_t)link * ENVELOPE_BYTES) : &plain;
}

int socket_of(const struct sender *s, const struct batch *b, int item) {
  int by_flow = (int)((uint32_t)column(b, COLUMN_FLOW)[item] % (unsigned)s->count);
  uint32_t target = (uint32_t)column(b, COLUMN_TARGET)[item];
  if (target >= s->record_count) return by_flow; /* refused when its message is prepared */
  if (s->by_family && !is_mapped(s->records + (size_t)target * RECORD_WORDS + RECORD_ADDRESS)) return (s->sets - 1) * s->count + by_flow;
  if (!s->by_df) return by_flow;
  size_t length = (uint32_t)column(b, COLUMN_LENGTH)[item];
  const uint8_t *bytes = item_bytes(b, item, length);
  return bytes && length >= VXLAN_LENGTH && inner_df(bytes + VXLAN_LENGTH, length - VXLAN_LENGTH) ? s->count + by_flow : by_flow;
}

/* A new message to the remote of the item at `o`; the caller has seen that there is room. */
static struct train *open_message(struct sender *s, struct batch *b, int o, int segment, struct outer outer) {
  int m = s->messages++;
  struct msghdr *message = &s->message[m].msg_hdr;
  int32_t target = column(b, COLUMN_TARGET)[b->order[o]];
  const int32_t *record = s->records + (size_t)target * RECORD_WORDS;
  *message = (struct msghdr){.msg_name = &s->name[m], .msg_iov = &s->vector[s->vectors], .msg_control = s->control[m]};
  message->msg_namelen = write_name(&s->name[m], record + RECORD_ADDRESS, record[RECORD_PORT], record[RECORD_SCOPE]);
  bool ipv6 = !is_mapped(record + RECORD_ADDRESS);
  if (ipv6) s->name[m].sin6_flowinfo = htonl(outer.label);
  write_outer(message, envelope_of(s, target), outer, ipv6, (uint32_t)record[RECORD_SCOPE]);
  s->train[m] = (struct train){.first = o, .segment = segment, .outer = outer};
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
  int32_t target = column(b, COLUMN_TARGET)[b->order[o]];
  struct outer outer = outer_of(envelope_of(s, target), bytes + VXLAN_LENGTH, (size_t)length - VXLAN_LENGTH);
  bool joins = t && t->segment < 0 && !t->closed && length <= t->size && t->datagrams < TRAIN_MOST &&
               t->bytes + length <= TRAIN_BYTES_MOST && target_of(s, b, s->messages - 1) == target && same_outer(t->outer, outer) &&
               takes_trains(s, target);
  if (!has_room(s, 1, 0)) return false;
  if (!joins) t = open_message(s, b, o, -1, outer);
  add_vector(s, bytes, (size_t)length);
  add_datagram(t, length);
  t->count++;
  return true;
}

/* The messages of a superframe, evenly filled: 23 + 23 segments go through faster than 44 + 2. */
static bool add_superframe(struct sender *s, struct batch *b, int o, uint8_t *bytes, const struct cut *cut) {
  struct outer outer = outer_of(envelope_of(s, column(b, COLUMN_TARGET)[b->order[o]]), cut->bytes, (size_t)cut->frame.end);
  int item = b->order[o], size = VXLAN_LENGTH + cut->frame.payload + cut->size;
  bool singly = size > TRAIN_BYTES_MOST || !takes_trains(s, column(b, COLUMN_TARGET)[item]);
  int most = singly ? 1 : TRAIN_BYTES_MOST / size < TRAIN_MOST ? TRAIN_BYTES_MOST / size : TRAIN_MOST;
  int trains = (cut->count + most - 1) / most, each = (cut->count + trains - 1) / trains;
  for (int i = segments_gone(b, item); i < cut->count;) {
    if (!has_room(s, 2 * each, each)) {
      /* what is prepared leaves, then this item goes on here */
      set_segments_gone(b, item, i);
      return false;
    }
    struct train *t = open_message(s, b, o, i, outer);
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

/* False: what is prepared has to leave before it, or there is no room. */
static bool put_superframe(struct sender *s, struct batch *b, int o, uint8_t *bytes, const struct cut *cut) {
  int item = b->order[o];
  if (segments_gone(b, item) > 0 || !may_leave_whole(s, b, item, cut)) return add_superframe(s, b, o, bytes, cut);
  if (s->pieces > 0) {
    s->pieces--;
    return add_superframe(s, b, o, bytes, cut);
  }
  if (s->messages > 0) return false;
  int refusal = leave_whole(s, b, item, bytes, cut);
  if (refusal < 0) {
    s->pieces = refusal == -EAGAIN ? BACK_PRESSURE : SINGLY; /* else its device has gone */
    return add_superframe(s, b, o, bytes, cut);
  }
  s->stats[STAT_WHOLE]++;
  return true;
}

bool prepare(struct sender *s, struct batch *b, int o) {
  int item = b->order[o];
  uint32_t target = (uint32_t)column(b, COLUMN_TARGET)[item];
  size_t length = (uint32_t)column(b, COLUMN_LENGTH)[item];
  uint8_t *bytes = item_bytes(b, item, length);
  struct cut cut;
  if (target >= s->record_count || !bytes || length < VXLAN_LENGTH) fail(s, (int)target, EFAULT);
  else if (!plan_cut(bytes + VXLAN_LENGTH, length - VXLAN_LENGTH, item_vnet(b, item), &cut)) fail(s, (int)target, EPROTO);
  else if (item_vnet(b, item)->gso_type != VIRTIO_NET_HDR_GSO_NONE) return put_superframe(s, b, o, bytes, &cut);
  else return add_frame(s, b, o, bytes, (int)length);
  return true;
}

void set_train_size(struct sender *s, int m) {
  struct msghdr *message = &s->message[m].msg_hdr;
  if (s->train[m].datagrams < 2) return;
  struct cmsghdr *part = (struct cmsghdr *)(s->control[m] + message->msg_controllen);
  uint16_t size = (uint16_t)s->train[m].size;
  *part = (struct cmsghdr){CMSG_LEN(sizeof size), IPPROTO_UDP, UDP_SEGMENT};
  memcpy(CMSG_DATA(part), &size, sizeof size);
  message->msg_controllen += CMSG_SPACE(sizeof size);
}

void datagrams_gone(struct sender *s, struct batch *b, int m, int count) {
  struct train *t = &s->train[m];
  if (t->segment >= 0) {
    t->segment += count;
    set_segments_gone(b, b->order[t->first], t->segment);
  } else {
    t->first += count;
    t->count -= count;
  }
}
