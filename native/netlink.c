/* Netlink sockets. The messages are made and read in TypeScript (io/netlink-message.ts). */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
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

static int open_socket(uint32_t groups, int protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  set_options(fd);
  struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = groups};
  if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

/* netlinkOpen(groups, protocol): fd or -errno */
static napi_value netlink_open(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  return answer(env, open_socket((uint32_t)int_arg(env, argv[0]), int_arg(env, argv[1])));
}

/* netlinkOpenAt(fd of a TAP): one in the network namespace that the TAP is in now, or -errno */
static napi_value netlink_open_at(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  int there = ioctl(int_arg(env, argv[0]), TUNGETDEVNETNS, 0UL);
  if (there < 0) return answer(env, -errno);
  int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  int result = here >= 0 && setns(there, CLONE_NEWNET) == 0 ? 0 : -errno;
  if (result == 0) {
    result = open_socket(0, NETLINK_ROUTE);
    if (setns(here, CLONE_NEWNET) != 0) abort(); /* nothing that this thread did from now on would be where it belongs */
  }
  if (here >= 0) close(here);
  close(there);
  return answer(env, result);
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
  static const struct export list[] = {{"netlinkOpen", netlink_open}, {"netlinkOpenAt", netlink_open_at}, {"netlinkSend", netlink_send}, {"netlinkReceive", netlink_receive}};
  EXPORT_ALL(env, exports, list);
}
