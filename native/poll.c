/* Waiting: epoll over the worker's ports, and an eventfd by which the control thread wakes it. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MOST = 64 };

static napi_value poll_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return answer(env, fd < 0 ? -errno : fd);
}

/* pollAdd(epoll, fd, id, once writable?): 0 or -errno. Readable: level-triggered. Writable: rings once. */
static napi_value poll_add(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  int epoll = int_arg(env, argv[0]), fd = int_arg(env, argv[1]), writable = int_arg(env, argv[3]);
  struct epoll_event event = {.events = writable ? EPOLLOUT | EPOLLONESHOT : EPOLLIN, .data.u32 = (uint32_t)int_arg(env, argv[2])};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return answer(env, 0);
  if (errno == EEXIST && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0) return answer(env, 0);
  return answer(env, -errno);
}

/* pollPause(epoll, fd, id, paused?): a paused descriptor rings only for its errors */
static napi_value poll_pause(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  arguments(env, info, 4, argv);
  struct epoll_event event = {.events = int_arg(env, argv[3]) ? 0 : EPOLLIN, .data.u32 = (uint32_t)int_arg(env, argv[2])};
  return answer(env, epoll_ctl(int_arg(env, argv[0]), EPOLL_CTL_MOD, int_arg(env, argv[1]), &event) == 0 ? 0 : -errno);
}

/* pollRemove(epoll, fd): 0 or -errno */
static napi_value poll_remove(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  return answer(env, epoll_ctl(int_arg(env, argv[0]), EPOLL_CTL_DEL, int_arg(env, argv[1]), NULL) == 0 ? 0 : -errno);
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Looks again and again for a while before it sleeps: waking up takes longer than all that is done for one frame. */
static int wait_for_events(int epoll, struct epoll_event *events, int most, int spin) {
  for (int64_t end = spin > 0 ? microseconds() + spin : 0; end > 0 && microseconds() < end;) {
    int count = epoll_wait(epoll, events, most, 0);
    if (count != 0) return count;
    sched_yield(); /* whoever brings the next frame may need this core */
  }
  return epoll_wait(epoll, events, most, -1);
}

/* pollWait(epoll, ready, spin): waits, at first `spin` microseconds without sleeping; fills ready[0] with the monotonic
 * clock in seconds, ready[1] with its milliseconds (as many as fit), then (id, events) pairs; their number, or -errno */
static napi_value poll_wait(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  arguments(env, info, 3, argv);
  struct bytes words = bytes_arg(env, argv[1]);
  int32_t *ready = (int32_t *)words.data;
  struct epoll_event events[EVENTS_MOST];
  int most = (int)(words.length / 8) - 1;
  if (most > EVENTS_MOST) most = EVENTS_MOST;
  int count = wait_for_events(int_arg(env, argv[0]), events, most, int_arg(env, argv[2]));
  if (count < 0) count = errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    ready[2 + 2 * i] = (int32_t)events[i].data.u32;
    ready[3 + 2 * i] = (int32_t)events[i].events;
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  ready[0] = (int32_t)now.tv_sec;
  ready[1] = (int32_t)(uint32_t)(now.tv_sec * 1000ull + now.tv_nsec / 1000000);
  return answer(env, count);
}

static napi_value event_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return answer(env, fd < 0 ? -errno : fd);
}

/* eventRing(fd): 0 or -errno */
static napi_value event_ring(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  uint64_t one = 1;
  return answer(env, write(int_arg(env, argv[0]), &one, sizeof one) == sizeof one ? 0 : -errno);
}

/* eventTake(fd): how often it rang since the last take */
static napi_value event_take(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, 1, argv);
  uint64_t count = 0;
  if (read(int_arg(env, argv[0]), &count, sizeof count) != sizeof count) count = 0;
  return answer(env, (int64_t)count);
}

void poll_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"pollOpen", poll_open},   {"pollAdd", poll_add},     {"pollPause", poll_pause},
                                       {"pollRemove", poll_remove}, {"pollWait", poll_wait},   {"eventOpen", event_open}, {"eventRing", event_ring},
                                       {"eventTake", event_take}};
  EXPORT_ALL(env, exports, list);
}
