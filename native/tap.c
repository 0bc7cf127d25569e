/*
 * TAP devices. Every TAP carries a vnet header (10 bytes in front of each frame), read into and written from
 * the batch's vnet words: with offloads the kernel hands over superframes and unfinished checksums. Towards the
 * TAP the frames of one flow are merged (merge.c), and what a peer left unfinished is said in the header.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "batch.h"
#include "merge.h"
#include "segment.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int attach(int fd, const char *name, int flags) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
  request.ifr_flags = (short)flags;
  return ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : -errno;
}

static int set_up(int fd, const char *name, bool queues, int index) {
  int header = VNET_HEADER_LENGTH, little_endian = 1;
  if (index != 0 && ioctl(fd, TUNSETIFINDEX, &index) != 0) return -errno;
  int result = attach(fd, name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (queues ? IFF_MULTI_QUEUE : 0));
  if (result < 0) return result;
  if (ioctl(fd, TUNSETVNETHDRSZ, &header) != 0) return -errno;
  if (ioctl(fd, TUNSETVNETLE, &little_endian) != 0) return -errno;
  if (ioctl(fd, TUNSETOFFLOAD, 0UL) != 0) return -errno; /* nothing unfinished towards us, until it is asked for */
  return 0;
}

/* tapOpen(name, one of several queues?, index, if it is made, or 0): fd or -errno; EINVAL also where the device that is
 * there has not the kind of queue */
static napi_value tap_open(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  char name[IFNAMSIZ] = "";
  size_t length;
  arguments(env, info, 3, argv);
  napi_get_value_string_utf8(env, argv[0], name, sizeof name, &length);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return answer(env, -errno);
  int result = set_up(fd, name, int_arg(env, argv[1]) != 0, int_arg(env, argv[2]));
  if (result < 0) {
    close(fd);
    return answer(env, result);
  }
  return answer(env, fd);
}

/* tapOffload(fd, bits of TUN_F_*): which checksums and segmentation the kernel leaves to us; 0 or -errno */
static napi_value tap_offload(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  return answer(env, ioctl(int_arg(env, argv[0]), TUNSETOFFLOAD, (unsigned long)int_arg(env, argv[1])) == 0 ? 0 : -errno);
}

/* tapPlace(fd, room for a name): its name, and the inode of the network namespace that it is in now, or -errno */
static napi_value tap_place(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct ifreq request = {0};
  struct stat place;
  arguments(env, info, 2, argv);
  int fd = int_arg(env, argv[0]);
  struct bytes name = bytes_arg(env, argv[1]);
  if (name.length < IFNAMSIZ) return answer(env, -EINVAL);
  if (ioctl(fd, TUNGETIFF, &request) != 0) return answer(env, -errno);
  int space = ioctl(fd, TUNGETDEVNETNS, 0UL);
  if (space < 0) return answer(env, -errno);
  int64_t result = fstat(space, &place) == 0 ? (int64_t)place.st_ino : -errno;
  close(space);
  memcpy(name.data, request.ifr_name, IFNAMSIZ);
  return answer(env, result);
}

/* tapReceive(batch, fd): frames read, or -errno when not even the first could be */
static napi_value tap_receive(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  struct batch *b = batch_arg(env, argv[0]);
  int fd = int_arg(env, argv[1]), count = 0;
  while (count < b->slots) {
    size_t room;
    uint8_t *bytes = slot_room(b, count, &room);
    struct iovec parts[2] = {{vnet_of(b, count), VNET_HEADER_LENGTH}, {bytes, room}};
    ssize_t got = readv(fd, parts, 2);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || count > 0) break;
      return answer(env, -errno);
    }
    if (got < VNET_HEADER_LENGTH) break;
    struct virtio_net_hdr *vnet = (struct virtio_net_hdr *)vnet_of(b, count);
    size_t length = (size_t)got - VNET_HEADER_LENGTH;
    vnet_of(b, count)[VNET_WORDS - 1] &= 0xffff; /* behind the header: how many segments have left (send.c) */
    /* here, once, and not where a flooded frame leaves several times */
    if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE && vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && finish_checksum(bytes, length, vnet)) vnet->flags = 0;
    column(b, COLUMN_LENGTH)[count++] = (int32_t)length;
  }
  return answer(env, count);
}

struct writer {
  int fd, mtu, failures, failures_most;
  int32_t *failed;
  double *stats;
  struct run *runs; /* open ones, the oldest first */
  int open;
};

static void fail(struct writer *w, int32_t target, int error) {
  if (w->failures >= w->failures_most) return;
  w->failed[2 * w->failures] = target;
  w->failed[2 * w->failures + 1] = error;
  w->failures++;
}

static int write_parts(int fd, const struct virtio_net_hdr *vnet, struct iovec *parts, int count) {
  ssize_t wrote;
  parts[0] = (struct iovec){(void *)vnet, VNET_HEADER_LENGTH};
  do wrote = writev(fd, parts, count);
  while (wrote < 0 && errno == EINTR);
  return wrote < 0 ? errno : 0;
}

static void write_frame(struct writer *w, const uint8_t *bytes, size_t length, const struct virtio_net_hdr *vnet, int32_t target) {
  struct iovec parts[2] = {{0}, {(void *)bytes, length}};
  int error = write_parts(w->fd, vnet, parts, 2);
  if (error) fail(w, target, error);
}

/* A superframe where none is wanted: frame by frame, as over a wire. */
static void write_cut(struct writer *w, const uint8_t *bytes, size_t length, const struct virtio_net_hdr *vnet, int32_t target) {
  static const struct virtio_net_hdr none;
  uint8_t headers[HEADERS_MOST];
  struct cut cut;
  int error = plan_cut(bytes, length, vnet, &cut) ? 0 : EPROTO;
  for (int i = 0; !error && i < cut.count; i++) {
    int payload_length;
    const uint8_t *payload = make_segment(&cut, i, headers, &payload_length);
    struct iovec parts[3] = {{0}, {headers, (size_t)cut.frame.payload}, {(void *)payload, (size_t)payload_length}};
    error = write_parts(w->fd, &none, parts, 3);
  }
  if (error) fail(w, target, error);
}

static void write_run(struct writer *w, struct run *r) {
  struct virtio_net_hdr vnet = {0};
  if (r->count == 1) {
    write_frame(w, r->first, r->length, &vnet, r->targets[0]);
    return;
  }
  describe_run(r, &vnet);
  struct iovec parts[2 + PARTS_MOST];
  parts[1] = (struct iovec){r->headers, (size_t)r->frame.payload};
  memcpy(parts + 2, r->parts, (size_t)r->count * sizeof *parts);
  int error = write_parts(w->fd, &vnet, parts, 2 + r->count);
  w->stats[STAT_MERGED]++;
  w->stats[STAT_MERGED_FRAMES] += r->count;
  for (int i = 0; error && i < r->count; i++) fail(w, r->targets[i], error);
}

/* Writes run `at` and closes the gap. */
static void end_run(struct writer *w, int at) {
  write_run(w, &w->runs[at]);
  w->open--;
  /* runs are large: the last one takes the place, and nobody's order depends on it but its own */
  if (at < w->open) memcpy(&w->runs[at], &w->runs[w->open], sizeof *w->runs);
}

static int find_run(const struct writer *w, const uint8_t *bytes, const struct frame *f) {
  uint32_t key = flow_key(bytes, f);
  for (int i = 0; i < w->open; i++)
    if (w->runs[i].key == key && is_same_flow(&w->runs[i], bytes, f)) return i;
  return -1;
}

/* `size`: of the parts that a superframe is made of, where the peer's kernel, or ours, told it; else 0. */
static void put_frame(struct writer *w, const uint8_t *bytes, size_t length, int32_t target, int size, bool merge) {
  struct virtio_net_hdr vnet = {0};
  struct frame f;
  if (!find_headers(bytes, length, &f)) {
    while (w->open > 0) end_run(w, w->open - 1); /* it may be a fragment of any of these flows */
    write_frame(w, bytes, length, &vnet, target);
    return;
  }
  enum checksum_state state = look_at_checksum(bytes, &f);
  bool mergeable = merge && state == CHECKSUM_RIGHT && is_mergeable(bytes, &f);
  int at = merge ? find_run(w, bytes, &f) : -1;
  if (mergeable && at >= 0 && extend_run(&w->runs[at], bytes, &f, target)) return;
  if (at >= 0) end_run(w, at);
  if (mergeable) {
    if (w->open == RUNS_MOST) end_run(w, 0);
    start_run(&w->runs[w->open++], bytes, length, &f, target);
    return;
  }
  if (state == CHECKSUM_UNFINISHED) {
    length = (size_t)f.end; /* the kernel would sum up a padding, and make it payload of the last segment */
    w->stats[STAT_UNFINISHED]++;
    if (describe_unfinished(&f, size ? size : w->mtu - (f.payload - f.ip), &vnet)) {
      if (!merge) return write_cut(w, bytes, length, &vnet, target);
      w->stats[STAT_SUPERFRAMES]++;
    }
  }
  write_frame(w, bytes, length, &vnet, target);
}

/* tapTransmit(batch, fd, from, to, failed, mtu, merge?, stats): each refusal leaves (target, errno) in `failed`; their number */
static napi_value tap_transmit(napi_env env, napi_callback_info info) {
  napi_value argv[8];
  arguments(env, info, 8, argv);
  struct batch *b = batch_arg(env, argv[0]);
  struct bytes failed = bytes_arg(env, argv[4]);
  int from = int_arg(env, argv[2]), to = int_arg(env, argv[3]);
  bool merge = int_arg(env, argv[6]) != 0;
  struct writer w = {.fd = int_arg(env, argv[1]), .mtu = int_arg(env, argv[5]), .failed = (int32_t *)failed.data, .failures_most = (int)(failed.length / 8),
                     .stats = (double *)bytes_arg(env, argv[7]).data, .runs = b->runs};
  if (from < 0 || to > b->capacity) return answer(env, 0);
  for (int i = from; i < to; i++) {
    size_t length = (uint32_t)column(b, COLUMN_LENGTH)[i];
    int32_t target = column(b, COLUMN_TARGET)[i];
    const uint8_t *bytes = item_bytes(b, i, length);
    const struct virtio_net_hdr *vnet = (const struct virtio_net_hdr *)vnet_of(b, i);
    int size = vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE ? vnet->gso_size : 0;
    if (bytes) put_frame(&w, bytes, length, target, size, merge);
    else fail(&w, target, EFAULT);
  }
  for (int i = 0; i < w.open; i++) write_run(&w, &w.runs[i]);
  return answer(env, w.failures);
}

/* closeFd(fd): 0 or -errno */
static napi_value close_fd(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  return answer(env, close(int_arg(env, argv[0])) == 0 ? 0 : -errno);
}

void tap_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {
      {"tapOpen", tap_open}, {"tapOffload", tap_offload}, {"tapPlace", tap_place}, {"tapReceive", tap_receive}, {"tapTransmit", tap_transmit}, {"closeFd", close_fd}};
  EXPORT_ALL(env, exports, list);
}
