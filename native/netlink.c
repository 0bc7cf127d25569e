/* A route netlink socket. The messages are made and read in TypeScript (io/netlink.ts). */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* netlinkOpen(groups): fd or -errno */
static napi_value netlink_open(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return answer(env, -errno);
  struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = (uint32_t)int_arg(env, argv[0])};
  int bytes = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
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
