/* Who is at the other end of a unix socket. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* socketPeer(fd, words): fills words with the user's id, then those of its groups; how many groups, or -errno */
static napi_value socket_peer(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  int fd = int_arg(env, argv[0]);
  struct bytes words = bytes_arg(env, argv[1]);
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (words.length < 8) return answer(env, -EINVAL);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return answer(env, -errno);
  int32_t *ids = (int32_t *)words.data;
  ids[0] = (int32_t)peer.uid;
  ids[1] = (int32_t)peer.gid;
  length = (socklen_t)(words.length - 8);
  /* more of them than there is room for: the first group counts */
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ids + 2, &length) != 0) length = 0;
  return answer(env, 1 + length / (int)sizeof *ids);
}

void peer_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"socketPeer", socket_peer}};
  EXPORT_ALL(env, exports, list);
}
