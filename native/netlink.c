/* Netlink sockets. The messages are made and read in TypeScript (io/netlink-message.ts). */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

/* Root has room for a burst of changes that no sysctl limits. Older kernels dump unfiltered and give errors no sentence. */
static void set_options(int fd) {
  int bytes = 4 << 20, on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

/* netlinkOpen(groups, protocol): fd or -errno */
static napi_value netlink_open(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, int_arg(env, argv[1]));
  if (fd < 0) return answer(env, -errno);
  set_options(fd);
  struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = (uint32_t)int_arg(env, argv[0])};
  if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0) {
    int error = errno;
    close(fd);
    return answer(env, -error);
  }
  return answer(env, fd);
}

/* netlinkSend(fd, bytes): bytes sent or -errno */
static napi_value netlink_send(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  struct bytes message = bytes_arg(env, argv[1]);
  ssize_t sent = send(int_arg(env, argv[0]), message.data, message.length, 0);
  return answer(env, sent < 0 ? -errno : sent);
}

/* netlinkReceive(fd, bytes): bytes received, 0 when nothing is there, or -errno */
static napi_value netlink_receive(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  struct bytes room = bytes_arg(env, argv[1]);
  ssize_t got;
  do got = recv(int_arg(env, argv[0]), room.data, room.length, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0) return answer(env, errno == EAGAIN ? 0 : -errno);
  return answer(env, got);
}

void netlink_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"netlinkOpen", netlink_open}, {"netlinkSend", netlink_send}, {"netlinkReceive", netlink_receive}};
  EXPORT_ALL(env, exports, list);
}
