/*
 * A bell for Node's own loop, which cannot watch a TAP or a netlink socket itself: a small thread waits on the
 * descriptor and calls back into the loop, once; it waits again when JavaScript, having drained it, says so.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct watch {
  int fd, epoll, stop;
  pthread_t thread;
  napi_threadsafe_function ring;
  bool running;
};

static void ring_in_loop(napi_env env, napi_value callback, void *context, void *data) {
  (void)context;
  (void)data;
  napi_value global;
  if (!env || !callback || napi_get_global(env, &global) != napi_ok) return;
  napi_call_function(env, global, callback, 0, NULL, NULL);
}

static void *wait_and_ring(void *data) {
  struct watch *w = data;
  for (;;) {
    struct epoll_event event;
    int count = epoll_wait(w->epoll, &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || event.data.fd == w->stop) return NULL;
    napi_call_threadsafe_function(w->ring, NULL, napi_tsfn_nonblocking);
  }
}

static void stop_thread(struct watch *w) {
  if (!w->running) return;
  uint64_t one = 1;
  if (write(w->stop, &one, sizeof one) == sizeof one) pthread_join(w->thread, NULL);
  w->running = false;
  napi_release_threadsafe_function(w->ring, napi_tsfn_abort);
}

static void close_own(struct watch *w) {
  if (w->epoll >= 0) close(w->epoll);
  if (w->stop >= 0) close(w->stop);
  w->epoll = w->stop = -1;
}

static void at_exit(void *data) { stop_thread(data); }

static void release_watch(napi_env env, void *data, void *hint) {
  (void)hint;
  struct watch *w = data;
  napi_remove_env_cleanup_hook(env, at_exit, w);
  stop_thread(w);
  close_own(w);
  free(w);
}

static int arm(struct watch *w, int fd, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(w->epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

static int start_thread(napi_env env, struct watch *w, napi_value callback) {
  napi_value name;
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (w->epoll < 0 || w->stop < 0) return -errno;
  int result = arm(w, w->stop, EPOLL_CTL_ADD, EPOLLIN);
  if (result == 0) result = arm(w, w->fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT);
  if (result < 0) return result;
  napi_create_string_utf8(env, "vtep-watch", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, callback, NULL, name, 0, 1, NULL, NULL, NULL, ring_in_loop, &w->ring) != napi_ok) return -ENOMEM;
  result = -pthread_create(&w->thread, NULL, wait_and_ring, w);
  if (result < 0) napi_release_threadsafe_function(w->ring, napi_tsfn_abort);
  else w->running = true;
  return result;
}

/* watchStart(fd, callback): an external, or -errno */
static napi_value watch_start(napi_env env, napi_callback_info info) {
  napi_value argv[2], external;
  arguments(env, info, 2, argv);
  struct watch *w = calloc(1, sizeof *w);
  if (!w) return answer(env, -ENOMEM);
  w->fd = int_arg(env, argv[0]);
  w->epoll = w->stop = -1;
  int result = start_thread(env, w, argv[1]);
  if (result == 0 && napi_create_external(env, w, release_watch, NULL, &external) != napi_ok) result = -ENOMEM;
  if (result == 0) {
    napi_add_env_cleanup_hook(env, at_exit, w);
    return external;
  }
  stop_thread(w);
  close_own(w);
  free(w);
  return answer(env, result);
}

/* watchAgain(watch): rings once more when readable; 0 or -errno */
static napi_value watch_again(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  struct watch *w = external_arg(env, argv[0]);
  return answer(env, w->running ? arm(w, w->fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT) : 0);
}

/* watchStop(watch): joins the thread; the descriptor stays open */
static napi_value watch_stop(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  struct watch *w = external_arg(env, argv[0]);
  stop_thread(w);
  close_own(w);
  return answer(env, 0);
}

void watch_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"watchStart", watch_start}, {"watchAgain", watch_again}, {"watchStop", watch_stop}};
  EXPORT_ALL(env, exports, list);
}
