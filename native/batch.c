/* Binding a batch: pins the words and the slab, and lays out the message headers once. */
#define _GNU_SOURCE
#include "batch.h"
#include "addon.h"
#include "merge.h"
#include <errno.h>
#include <stdlib.h>

static void release(napi_env env, void *data, void *hint) {
  (void)hint;
  struct batch *b = data;
  if (b->keep_words) napi_delete_reference(env, b->keep_words);
  if (b->keep_slab) napi_delete_reference(env, b->keep_slab);
  free(b->messages);
  free(b->vectors);
  free(b->names);
  free(b->controls);
  free(b->runs);
  free(b->order);
  free(b);
}

struct batch *batch_arg(napi_env env, napi_value value) { return external_arg(env, value); }

static bool allocate(struct batch *b) {
  size_t slots = (size_t)b->slots;
  b->messages = calloc(slots, sizeof *b->messages);
  b->vectors = calloc(slots, sizeof *b->vectors);
  b->names = calloc(slots, sizeof *b->names);
  b->controls = calloc(slots, sizeof *b->controls);
  b->runs = calloc(RUNS_MOST, sizeof *b->runs);
  b->order = calloc((size_t)b->capacity, sizeof *b->order);
  return b->runs && b->order && (slots == 0 || (b->messages && b->vectors && b->names && b->controls));
}

/* bindBatch(words, slab, slot bytes, first slot, slots): an external, or -errno */
static napi_value bind_batch(napi_env env, napi_callback_info info) {
  napi_value argv[5], external;
  arguments(env, info, 5, argv);
  struct bytes words = bytes_arg(env, argv[0]), slab = bytes_arg(env, argv[1]);
  struct batch *b = calloc(1, sizeof *b);
  if (!b) return answer(env, -ENOMEM);
  b->capacity = (int)(words.length / 4 / COLUMNS);
  b->words = (int32_t *)words.data;
  b->slab = slab.data;
  b->slab_bytes = slab.length;
  b->slot_bytes = (size_t)int_arg(env, argv[2]);
  b->first_slot = int_arg(env, argv[3]);
  b->slots = int_arg(env, argv[4]);
  if (b->slot_bytes <= HEADROOM || (size_t)(b->first_slot + b->slots) * b->slot_bytes > b->slab_bytes || b->slots > b->capacity) {
    release(env, b, NULL);
    return answer(env, -EINVAL);
  }
  if (!allocate(b) || napi_create_reference(env, argv[0], 1, &b->keep_words) != napi_ok ||
      napi_create_reference(env, argv[1], 1, &b->keep_slab) != napi_ok ||
      napi_create_external(env, b, release, NULL, &external) != napi_ok) {
    release(env, b, NULL);
    return answer(env, -ENOMEM);
  }
  return external;
}

static void number(napi_env env, napi_value object, const char *name, int32_t value) {
  napi_set_named_property(env, object, name, answer(env, value));
}

void batch_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"bindBatch", bind_batch}};
  EXPORT_ALL(env, exports, list);
  napi_value layout;
  napi_create_object(env, &layout);
  number(env, layout, "slot", COLUMN_SLOT);
  number(env, layout, "start", COLUMN_START);
  number(env, layout, "length", COLUMN_LENGTH);
  number(env, layout, "target", COLUMN_TARGET);
  number(env, layout, "flow", COLUMN_FLOW);
  number(env, layout, "from", COLUMN_FROM);
  number(env, layout, "fromPort", COLUMN_FROM_PORT);
  number(env, layout, "tos", COLUMN_TOS);
  number(env, layout, "vnet", COLUMN_VNET);
  number(env, layout, "columns", COLUMNS);
  number(env, layout, "headroom", HEADROOM);
  number(env, layout, "stats", STATS);
  napi_set_named_property(env, exports, "layout", layout);
}
