/* What every file of the addon shares: reading arguments, returning numbers, exporting functions. */
#ifndef VTEP_ADDON_H
#define VTEP_ADDON_H

#include <node_api.h>
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>

/* All functions answer a number: the result, or -errno. JavaScript makes sentences of it. */
static inline napi_value answer(napi_env env, int64_t number) {
  napi_value value = NULL;
  if (number >= INT32_MIN && number <= INT32_MAX) napi_create_int32(env, (int32_t)number, &value);
  else napi_create_int64(env, number, &value);
  return value;
}

static inline void arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
}

static inline int32_t int_arg(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

struct bytes {
  uint8_t *data;
  size_t length; /* in bytes */
};

/* The memory of a typed array, also over a SharedArrayBuffer. */
static inline struct bytes bytes_arg(napi_env env, napi_value value) {
  struct bytes result = {NULL, 0};
  napi_typedarray_type type;
  size_t count;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, &count, &data, NULL, NULL) != napi_ok) return result;
  size_t width = type == napi_uint8_array || type == napi_int8_array ? 1 : type == napi_int32_array || type == napi_uint32_array ? 4 : 8;
  result.data = data;
  result.length = count * width;
  return result;
}

static inline void *external_arg(napi_env env, napi_value value) {
  void *data = NULL;
  napi_get_value_external(env, value, &data);
  return data;
}

struct export {
  const char *name;
  napi_callback function;
};
void export_all(napi_env env, napi_value exports, const struct export *list, size_t count);
#define EXPORT_ALL(env, exports, list) export_all(env, exports, list, sizeof(list) / sizeof(*(list)))

/* What the offloads have done, one double each in memory shared with JavaScript (memory/offload-counts.ts). */
enum { STAT_TRAINS, STAT_TRAIN_FRAMES, STAT_TRAINS_REFUSED, STAT_TRAINS_RECEIVED, STAT_TRAIN_FRAMES_RECEIVED,
       STAT_MERGED, STAT_MERGED_FRAMES, STAT_SUPERFRAMES, STAT_UNFINISHED, STAT_WHOLE,
       STAT_REFUSAL, /* the errno of the last train refused */
       STATS };

void tap_exports(napi_env env, napi_value exports);
void steer_exports(napi_env env, napi_value exports);
void udp_exports(napi_env env, napi_value exports);
void send_exports(napi_env env, napi_value exports);
void outlet_exports(napi_env env, napi_value exports);
void cgroup_exports(napi_env env, napi_value exports);
void peer_exports(napi_env env, napi_value exports);
void poll_exports(napi_env env, napi_value exports);
void watch_exports(napi_env env, napi_value exports);
void netlink_exports(napi_env env, napi_value exports);

#endif
