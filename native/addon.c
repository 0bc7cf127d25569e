/*
 * The addon's door: exports the functions of the other files and the numbers of the shared layout.
 *
 * Theory of operation: every function is one or a few system calls on descriptors that JavaScript owns, opens
 * and closes; C keeps no table of them and closes only what it opened itself when opening failed half-way.
 * Nothing is allocated after a batch or a sender was bound. There is no policy here.
 */
#include "addon.h"
#include "batch.h"

void export_all(napi_env env, napi_value exports, const struct export *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, list[i].name, NAPI_AUTO_LENGTH, list[i].function, NULL, &function) == napi_ok)
      napi_set_named_property(env, exports, list[i].name, function);
  }
}

static napi_value start(napi_env env, napi_value exports) {
  batch_exports(env, exports);
  tap_exports(env, exports);
  steer_exports(env, exports);
  udp_exports(env, exports);
  send_exports(env, exports);
  outlet_exports(env, exports);
  cgroup_exports(env, exports);
  poll_exports(env, exports);
  watch_exports(env, exports);
  netlink_exports(env, exports);
  peer_exports(env, exports);
  return exports;
}

NAPI_MODULE(vtep, start)
