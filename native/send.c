/*
 * Sending datagrams through a `sender`: a fixed set of sockets (one per source port; the flow hash picks one), the
 * remotes' records and the links' ancillary bytes.
 *
 *   1. sort by socket, stably: a flow keeps its socket, so its order stays (it has two where DF is inherited, and to a
 *      remote of each family its own)
 *   2. make messages (train.c)
 *   3. send a socket's messages in one call
 *
 * Errors: EAGAIN blocks a socket and leaves its items in the batch. Anything else is either this message's own
 * fault or an ICMP error that an earlier one caused: the error queue is drained (refusals.c), which names the remote at
 * fault, and the message is sent once more. A train that is refused is sent again datagram by datagram.
 */
#define _GNU_SOURCE
#include "send.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HABIT_TRAINS = 1, HABIT_BY_DF = 2, HABIT_BY_FAMILY = 4 };

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
      avoid_trains(s, target_of(s, b, m)); /* it was the train that the path would not have */
    }
  }
  s->stats[STAT_TRAINS_REFUSED]++;
  s->stats[STAT_REFUSAL] = refusal;
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
    datagrams_gone(s, b, m, 0); /* a superframe goes on where it is now */
    return s->train[m].first;
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

static void sort_by_socket(const struct sender *s, struct batch *b, int from, int to, int *first) {
  int next[SETS_MOST * SOCKETS_MOST], sockets = s->sets * s->count;
  memset(first, 0, (size_t)(sockets + 1) * sizeof *first);
  for (int i = from; i < to; i++) first[socket_of(s, b, i) + 1]++;
  for (int k = 0; k < sockets; k++) first[k + 1] += first[k];
  memcpy(next, first, (size_t)sockets * sizeof *next);
  for (int i = from; i < to; i++) b->order[next[socket_of(s, b, i)]++] = i;
}

/* udpTransmit(batch, sender, from, to): how many are left at the end of the range because a socket is full */
static napi_value udp_transmit(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  struct batch *b = batch_arg(env, argv[0]);
  struct sender *s = *(struct sender **)external_arg(env, argv[1]);
  int from = int_arg(env, argv[2]), to = int_arg(env, argv[3]);
  if (!s) return answer(env, 0);
  s->status[STATUS_FAILURES] = 0;
  s->status[STATUS_BLOCKED_FD] = -1;
  if (from < 0 || to > b->capacity || from >= to) return answer(env, 0);
  int first[SETS_MOST * SOCKETS_MOST + 1];
  bool blocked = false;
  sort_by_socket(s, b, from, to, first);
  for (int k = 0; k < s->sets * s->count; k++) {
    if (first[k] == first[k + 1]) continue;
    s->socket = k;
    int stays = send_items(s, b, s->sockets[k], first[k], first[k + 1]);
    if (stays == first[k + 1]) continue;
    block(b, stays, first[k + 1]);
    s->status[STATUS_BLOCKED_FD] = s->sockets[k];
    blocked = true;
  }
  return answer(env, blocked ? keep_blocked(b, from, to) : 0);
}

static void free_sender(napi_env env, struct sender *s) {
  if (!s) return;
  for (int i = 0; i < 5; i++)
    if (s->keep[i]) napi_delete_reference(env, s->keep[i]);
  free(s->singly);
  free(s);
}

static void forget_sender(napi_env env, void *data, void *hint) {
  (void)hint;
  struct sender **held = data;
  free_sender(env, *held);
  free(held);
}

/* releaseSender(sender): frees it now, as V8 forgets nothing in a worker that never returns to its loop; 0 */
static napi_value release_sender(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  struct sender **held = external_arg(env, argv[0]);
  free_sender(env, *held);
  *held = NULL;
  return answer(env, 0);
}

/*
 * bindSender(sockets, records, envelopes, status, stats, habits, ways?): an external, or -errno. Of the sockets there may be
 * several sets: without DF, then with it; then of IPv6.
 */
static napi_value bind_sender(napi_env env, napi_callback_info info) {
  napi_value argv[7], external;
  arguments(env, info, 7, argv);
  struct bytes sockets = bytes_arg(env, argv[0]), records = bytes_arg(env, argv[1]), envelopes = bytes_arg(env, argv[2]),
               status = bytes_arg(env, argv[3]), stats = bytes_arg(env, argv[4]);
  size_t need = 4 * (STATUS_LISTS + 2 * FAILURES_MOST);
  int habits = int_arg(env, argv[5]);
  int sets = 1 + (habits & HABIT_BY_DF ? 1 : 0) + (habits & HABIT_BY_FAMILY ? 1 : 0), count = (int)(sockets.length / 4) / sets;
  if (count < 1 || count > SOCKETS_MOST || status.length < need || stats.length < 8 * STATS) return answer(env, -EINVAL);
  struct sender *s = calloc(1, sizeof *s), **held = malloc(sizeof *held);
  if (!s || !held) {
    free(s);
    free(held);
    return answer(env, -ENOMEM);
  }
  *held = s;
  s->count = count;
  s->sets = sets;
  s->by_df = habits & HABIT_BY_DF;
  s->by_family = habits & HABIT_BY_FAMILY;
  memcpy(s->sockets, sockets.data, (size_t)(sets * count) * sizeof *s->sockets);
  s->records = (const int32_t *)records.data;
  s->record_count = records.length / 4 / RECORD_WORDS;
  s->envelopes = envelopes.data;
  s->envelope_count = envelopes.length / ENVELOPE_BYTES;
  s->status = (int32_t *)status.data;
  s->stats = (double *)stats.data;
  s->trains_allowed = habits & HABIT_TRAINS;
  struct bytes ways = bytes_arg(env, argv[6]);
  if (ways.length >= sizeof(struct ways) + s->record_count * sizeof(struct way)) s->ways = (struct ways *)ways.data;
  for (int i = 0; i < sets * count; i++) s->habits[i] = habits_of(s->sockets[i]);
  s->singly = calloc(s->record_count, sizeof *s->singly);
  bool kept = s->singly != NULL;
  for (int i = 0; i < 4; i++) kept = kept && napi_create_reference(env, argv[i + 1], 1, &s->keep[i]) == napi_ok;
  kept = kept && (!s->ways || napi_create_reference(env, argv[6], 1, &s->keep[4]) == napi_ok);
  if (!kept || napi_create_external(env, held, forget_sender, NULL, &external) != napi_ok) {
    forget_sender(env, held, NULL);
    return answer(env, -ENOMEM);
  }
  return external;
}

void send_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"bindSender", bind_sender}, {"releaseSender", release_sender}, {"udpTransmit", udp_transmit}};
  EXPORT_ALL(env, exports, list);
}
