/*
 * TAP devices. Every TAP carries a vnet header (10 bytes in front of each frame), read into and written from
 * the batch's vnet words, so that a superframe or an unfinished checksum is handed over as what it is.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "batch.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int attach(int fd, const char *name, int flags) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = (short)flags;
  return ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : -errno;
}

static int set_up(int fd, const char *name) {
  int header = VNET_HEADER_LENGTH, little_endian = 1;
  int result = attach(fd, name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (result == -EINVAL) /* an existing device of several queues wants the word */
    result = attach(fd, name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
  if (result < 0) return result;
  if (ioctl(fd, TUNSETVNETHDRSZ, &header) != 0) return -errno;
  if (ioctl(fd, TUNSETVNETLE, &little_endian) != 0) return -errno;
  if (ioctl(fd, TUNSETOFFLOAD, 0UL) != 0) return -errno; /* nothing unfinished towards us */
  return 0;
}

/* tapOpen(name): fd or -errno */
static napi_value tap_open(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  char name[IFNAMSIZ] = "";
  size_t length;
  arguments(env, info, 1, argv);
  napi_get_value_string_utf8(env, argv[0], name, sizeof name, &length);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return answer(env, -errno);
  int result = set_up(fd, name);
  if (result < 0) {
    close(fd);
    return answer(env, result);
  }
  return answer(env, fd);
}

/* tapReceive(batch, fd): frames read, or -errno when not even the first could be */
static napi_value tap_receive(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  struct batch *b = batch_arg(env, argv[0]);
  int fd = int_arg(env, argv[1]), count = 0;
  while (count < b->capacity) {
    size_t room = item_room(b, count);
    uint8_t *bytes = item_bytes(b, count, room);
    if (!bytes) return answer(env, -EFAULT);
    struct iovec parts[2] = {{vnet_of(b, count), VNET_HEADER_LENGTH}, {bytes, room}};
    ssize_t got = readv(fd, parts, 2);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || count > 0) break;
      return answer(env, -errno);
    }
    if (got < VNET_HEADER_LENGTH) break;
    column(b, COLUMN_LENGTH)[count++] = (int32_t)(got - VNET_HEADER_LENGTH);
  }
  return answer(env, count);
}

/* tapTransmit(batch, fd, from, to, failed): writes; each refusal leaves (target, errno) in `failed`; their number */
static napi_value tap_transmit(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  arguments(env, info, 5, argv);
  struct batch *b = batch_arg(env, argv[0]);
  int fd = int_arg(env, argv[1]), from = int_arg(env, argv[2]), to = int_arg(env, argv[3]), failures = 0;
  struct bytes failed = bytes_arg(env, argv[4]);
  int32_t *record = (int32_t *)failed.data;
  if (from < 0 || to > b->capacity) return answer(env, 0);
  for (int i = from; i < to; i++) {
    size_t length = (uint32_t)column(b, COLUMN_LENGTH)[i];
    uint8_t *bytes = item_bytes(b, i, length);
    struct iovec parts[2] = {{vnet_of(b, i), VNET_HEADER_LENGTH}, {bytes, length}};
    ssize_t wrote;
    do wrote = bytes ? writev(fd, parts, 2) : -1;
    while (wrote < 0 && bytes && errno == EINTR);
    if (wrote >= 0) continue;
    if ((size_t)failures * 8 + 8 <= failed.length) {
      record[2 * failures] = column(b, COLUMN_TARGET)[i];
      record[2 * failures + 1] = bytes ? errno : EFAULT;
      failures++;
    }
  }
  return answer(env, failures);
}

/* closeFd(fd): 0 or -errno */
static napi_value close_fd(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  return answer(env, close(int_arg(env, argv[0])) == 0 ? 0 : -errno);
}

void tap_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {
      {"tapOpen", tap_open}, {"tapReceive", tap_receive}, {"tapTransmit", tap_transmit}, {"closeFd", close_fd}};
  EXPORT_ALL(env, exports, list);
}
