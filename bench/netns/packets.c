/*
 * packets NETNS NETNS ADDRESS FLOWS: offers UDP datagrams with 64 bytes of payload at a constant rate, from the first
 * network namespace to ADDRESS in the second one, and counts what arrives there by the sequence numbers in it.
 *
 *   stdin   "RATE MILLISECONDS" a line          stdout   one JSON object for each
 *
 * One process, so both ends have one clock and one idea of what a run is. Each flow has a thread and a socket: what the
 * kernel does with a packet it does on the sender's core, and one thread would leave the others idle. A sender offers
 * what is due every 100 us and sleeps between, as a core that spins would be missing to the tunnels; what it could not
 * send within 5 ms it leaves out, `offered` says what remained. The sink, too, looks every 100 us instead of being woken
 * for each packet. Delivered is what came in the last three quarters of the time, so that queues that fill at the start
 * or drain after the end count for nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, PAYLOAD = 64, PORT = 5300, MOST_FLOWS = 16 };
enum { TICK_NS = 100000, BACKLOG_NS = 5000000, QUIET_NS = 30000000 };

struct payload {
  uint64_t run, flow, sequence;
  uint8_t rest[PAYLOAD - 24];
};

/** A batch of messages, each with its own payload. */
struct batch {
  struct mmsghdr message[BATCH];
  struct iovec iov[BATCH];
  struct payload payload[BATCH];
};

struct flow {
  int fd;
  uint64_t number, from, to, sent;
  double rate;
  struct batch batch;
};

static struct flow flows[MOST_FLOWS];
static int flow_count;
/* Set between runs; the rest is counted by the sink. */
static _Atomic uint64_t current, window_from, window_to;
static _Atomic uint64_t received, in_window, late, next[MOST_FLOWS], gaps;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void pause_ns(uint64_t ns) { nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL); }

static void enter(const char *netns) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", netns);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) err(1, "%s", path);
  close(fd);
}

static int udp_socket(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) err(1, "socket");
  return fd;
}

static void prepare(struct batch *batch) {
  for (int i = 0; i < BATCH; i++) {
    batch->iov[i] = (struct iovec){&batch->payload[i], PAYLOAD};
    batch->message[i].msg_hdr = (struct msghdr){.msg_iov = &batch->iov[i], .msg_iovlen = 1};
  }
}

/* A gap is lost until it comes late. */
static void count(const struct payload *payload) {
  _Atomic uint64_t *expected = &next[payload->flow % MOST_FLOWS];
  if (payload->sequence < *expected) {
    late++;
    return;
  }
  if (payload->sequence > *expected) gaps += payload->sequence - *expected;
  *expected = payload->sequence + 1;
}

static void *sink(void *argument) {
  static struct batch batch;
  int fd = *(int *)argument;
  prctl(PR_SET_TIMERSLACK, 1L);
  prepare(&batch);
  for (;;) {
    int got = recvmmsg(fd, batch.message, BATCH, MSG_DONTWAIT, NULL);
    if (got < 0 && errno != EAGAIN) err(1, "recvmmsg");
    uint64_t time = now(), mine = 0;
    for (int i = 0; i < got; i++) {
      if (batch.payload[i].run != current) continue;
      mine++;
      count(&batch.payload[i]);
    }
    received += mine;
    if (time >= window_from && time < window_to) in_window += mine;
    if (got < BATCH) pause_ns(TICK_NS);
  }
}

/* Sends what is due, at most a batch. */
static void send_due(struct flow *flow, uint64_t due) {
  struct batch *batch = &flow->batch;
  unsigned n = due - flow->sent < BATCH ? (unsigned)(due - flow->sent) : BATCH;
  for (unsigned i = 0; i < n; i++)
    batch->payload[i] = (struct payload){.run = current, .flow = flow->number, .sequence = flow->sent + i};
  int went = sendmmsg(flow->fd, batch->message, n, 0);
  if (went < 0 && errno != ENOBUFS) err(1, "sendmmsg");
  if (went > 0) flow->sent += (uint64_t)went;
}

static void *generate(void *argument) {
  struct flow *flow = argument;
  uint64_t left_out = 0, most = (uint64_t)(BACKLOG_NS * flow->rate / 1e9) + 1;
  prctl(PR_SET_TIMERSLACK, 1L);
  for (uint64_t time = flow->from; time < flow->to; time = now()) {
    uint64_t due = (uint64_t)((double)(time - flow->from) * flow->rate / 1e9) - left_out;
    if (due - flow->sent > most) {
      left_out += due - flow->sent - most;
      due = flow->sent + most;
    }
    if (due > flow->sent) send_due(flow, due);
    if (due == flow->sent) pause_ns(TICK_NS);
  }
  return NULL;
}

static uint64_t send_all(double rate, uint64_t from, uint64_t to) {
  pthread_t threads[MOST_FLOWS];
  uint64_t sent = 0;
  for (int i = 0; i < flow_count; i++) {
    struct flow *flow = &flows[i];
    flow->sent = 0, flow->rate = rate / flow_count, flow->from = from, flow->to = to;
    if (pthread_create(&threads[i], NULL, generate, flow) != 0) errx(1, "pthread_create");
  }
  for (int i = 0; i < flow_count; i++) pthread_join(threads[i], NULL), sent += flows[i].sent;
  return sent;
}

static void wait_until_quiet(void) {
  for (uint64_t before = UINT64_MAX; before != received;) {
    before = received;
    pause_ns(QUIET_NS);
  }
}

static void run(double rate, uint64_t length) {
  received = in_window = late = gaps = 0;
  for (int i = 0; i < flow_count; i++) next[i] = 0;
  uint64_t from = now(), to = from + length;
  window_from = from + length / 4;
  window_to = to;
  current = from;
  uint64_t sent = send_all(rate, from, to);
  wait_until_quiet();
  uint64_t lost = sent + gaps - late;
  for (int i = 0; i < flow_count; i++) lost -= next[i];
  double seconds = (double)length / 1e9;
  printf("{\"asked\":%.0f,\"offered\":%.0f,\"delivered\":%.0f,\"sent\":%llu,\"lost\":%lld,\"late\":%llu}\n", rate,
         (double)sent / seconds, (double)in_window / (seconds * 0.75), (unsigned long long)sent, (long long)lost,
         (unsigned long long)late);
  fflush(stdout);
}

static int open_sink(const struct sockaddr_in *address) {
  int fd = udp_socket(), buffer = 1 << 23; /* that the sink waited for its turn is no loss of the tunnel's */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0) err(1, "SO_RCVBUFFORCE");
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) err(1, "bind");
  return fd;
}

static void open_flow(int number, const struct sockaddr_in *address) {
  struct flow *flow = &flows[number];
  flow->number = (uint64_t)number;
  flow->fd = udp_socket();
  if (connect(flow->fd, (const struct sockaddr *)address, sizeof *address) < 0) err(1, "connect");
  prepare(&flow->batch);
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  flow_count = argc == 5 ? atoi(argv[4]) : 0;
  if (flow_count < 1 || flow_count > MOST_FLOWS || inet_pton(AF_INET, argv[3], &address.sin_addr) != 1)
    errx(2, "form: packets NETNS NETNS ADDRESS FLOWS");
  enter(argv[2]);
  int fd = open_sink(&address);
  enter(argv[1]);
  for (int i = 0; i < flow_count; i++) open_flow(i, &address);
  pthread_t thread;
  if (pthread_create(&thread, NULL, sink, &fd) != 0) errx(1, "pthread_create");
  double rate;
  unsigned long milliseconds;
  while (scanf("%lf %lu", &rate, &milliseconds) == 2) run(rate, milliseconds * 1000000);
  return 0;
}
