/* Programs of the process's control group, which see what its sockets send. */
#define _GNU_SOURCE
#include "addon.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The tree of all groups, wherever it is mounted for others. */
static int open_tree_of_groups(void) {
  int context = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
  if (context < 0) return -errno;
  int tree = -1, error = 0;
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) tree = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
  if (tree < 0) error = errno;
  close(context);
  return tree < 0 ? -error : tree;
}

/* For what leaves; those of the groups around it count too. -errno: it cannot be told. */
static int count_programs(int group) {
  union bpf_attr query = {.query = {.target_fd = (uint32_t)group, .attach_type = BPF_CGROUP_INET_EGRESS, .query_flags = BPF_F_QUERY_EFFECTIVE}};
  return syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) == 0 ? (int)query.query.prog_cnt : -errno;
}

/* cgroupPrograms(path of the group, from the root of all): how many, or -errno */
static napi_value cgroup_programs(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  char path[4096] = "";
  size_t length;
  arguments(env, info, 1, argv);
  napi_get_value_string_utf8(env, argv[0], path, sizeof path, &length);
  int tree = open_tree_of_groups();
  if (tree < 0) return answer(env, tree);
  int group = openat(tree, path[0] == '/' && path[1] ? path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int count = group < 0 ? -errno : count_programs(group);
  if (group >= 0) close(group);
  close(tree);
  return answer(env, count);
}

void cgroup_exports(napi_env env, napi_value exports) {
  static const struct export list[] = {{"cgroupPrograms", cgroup_programs}};
  EXPORT_ALL(env, exports, list);
}
