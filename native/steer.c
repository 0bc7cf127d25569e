/*
 * Which queue of a TAP a frame goes to. Left to itself the kernel sends a flow where frames of its other direction were
 * last written: with the first answer, and after each pause, the flow changes its queue, and what is new there
 * overtakes what is old here. This program, which the kernel runs for each frame, goes by addresses and ports alone.
 */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In r0, in host order; beyond the frame's end the program ends, with 0. */
#define LOAD(size, at) {.code = BPF_LD | BPF_ABS | (size), .imm = (at)}
#define LOAD_BEHIND(size, reg, at) {.code = BPF_LD | BPF_IND | (size), .src_reg = (reg), .imm = (at)}
#define SET(reg, value) {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value)}
#define COPY(reg, from) {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (reg), .src_reg = (from)}
#define DO(what, reg, value) {.code = BPF_ALU | (what) | BPF_K, .dst_reg = (reg), .imm = (value)}
#define IF(what, reg, value, over) {.code = BPF_JMP | (what) | BPF_K, .dst_reg = (reg), .imm = (value), .off = (over)}
#define SKIP(over) {.code = BPF_JMP | BPF_JA, .off = (over)}
#define END {.code = BPF_JMP | BPF_EXIT}
/* r7, the hash, takes up r0 */
#define MIX {.code = BPF_ALU | BPF_XOR | BPF_X, .dst_reg = HASH, .src_reg = 0}, DO(BPF_MUL, HASH, (int32_t)0x9e3779b1)
#define MIX_WORD(at) LOAD(BPF_W, at), MIX

enum { CONTEXT = 6, HASH = 7, TRANSPORT = 8, PROTOCOL = 9 };

static const struct bpf_insn by_flow[] = {
    COPY(CONTEXT, 1),
    SET(HASH, 0),
    LOAD(BPF_H, 12),
    IF(BPF_JEQ, 0, 0x0800, 3),
    IF(BPF_JEQ, 0, 0x86dd, 18),
    SET(0, 0),
    END,
    /* IPv4: addresses; the ports where there is no fragment */
    MIX_WORD(26), MIX_WORD(30),
    LOAD(BPF_B, 23), COPY(PROTOCOL, 0),
    LOAD(BPF_B, 14), DO(BPF_AND, 0, 15), DO(BPF_LSH, 0, 2), COPY(TRANSPORT, 0),
    LOAD(BPF_H, 20), DO(BPF_AND, 0, 0x3fff),
    IF(BPF_JEQ, 0, 0, 28),
    SKIP(32),
    /* IPv6 */
    MIX_WORD(22), MIX_WORD(26), MIX_WORD(30), MIX_WORD(34), MIX_WORD(38), MIX_WORD(42), MIX_WORD(46), MIX_WORD(50),
    LOAD(BPF_B, 20), COPY(PROTOCOL, 0),
    SET(TRANSPORT, 40),
    /* TCP and UDP */
    IF(BPF_JEQ, PROTOCOL, 6, 1),
    IF(BPF_JNE, PROTOCOL, 17, 3),
    LOAD_BEHIND(BPF_W, TRANSPORT, 14), MIX,
    DO(BPF_RSH, HASH, 16),
    COPY(0, HASH),
    END,
};

/* tapSteer(fd, on?): frames of a flow keep to one queue; 0 or -errno */
static napi_value tap_steer(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, 2, argv);
  int fd = int_arg(env, argv[0]), program = -1;
  if (int_arg(env, argv[1])) {
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = sizeof by_flow / sizeof *by_flow,
                                 .insns = (uintptr_t)by_flow, .license = (uintptr_t) "Apache-2.0"};
    program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
    if (program < 0) return answer(env, -errno);
  }
  int result = ioctl(fd, TUNSETSTEERINGEBPF, &program) == 0 ? 0 : -errno;
  if (program >= 0) close(program); /* the TAP has it now */
  return answer(env, result);
}

void steer_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"tapSteer", tap_steer}};
  EXPORT_ALL(env, exports, list);
}
