/*
 * Who refused a datagram. With IP_RECVERR an ICMP error comes back at the next send, whatever its destination; the
 * socket's error queue tells which one it was.
 */
#define _GNU_SOURCE
#include "send.h"
#include <linux/errqueue.h>
#include <string.h>

enum { DRAIN_MOST = 64 };

void fail(struct sender *s, int target, int error) {
  int at = s->status[STATUS_FAILURES];
  if (at >= FAILURES_MOST) return;
  s->status[STATUS_LISTS + 2 * at] = target;
  s->status[STATUS_LISTS + 2 * at + 1] = error;
  s->status[STATUS_FAILURES] = at + 1;
}

/* The remote that an ICMP error speaks of: by address and port, and by the VNI of the datagram it quotes. */
static int find_remote(const struct sender *s, const int32_t *address, int port, const uint8_t *quoted, ssize_t length) {
  int32_t vni = length >= VXLAN_LENGTH ? quoted[4] << 16 | quoted[5] << 8 | quoted[6] : -1;
  for (size_t i = 0; i < s->record_count; i++) {
    const int32_t *record = s->records + i * RECORD_WORDS;
    if (record[RECORD_LINK] != 0 && record[RECORD_PORT] == port && (vni < 0 || (record[RECORD_VNI] & VNI_MASK) == vni) &&
        memcmp(record + RECORD_ADDRESS, address, 4 * sizeof *address) == 0)
      return (int)i;
  }
  return -1;
}

/* One entry of the error queue, charged to the destination that could not be reached. False: the queue is empty. */
static bool drain_one(struct sender *s, int fd) {
  struct sockaddr_in6 name;
  char control[256];
  uint8_t quoted[VXLAN_LENGTH];
  struct iovec part = {quoted, sizeof quoted};
  struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (got < 0) return false;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) && !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) continue;
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(c), sizeof error);
    if (error.ee_origin == SO_EE_ORIGIN_LOCAL) continue; /* the send itself reports that one */
    int32_t address[4];
    int port = read_name(&name, address);
    int remote = find_remote(s, address, port, quoted, got);
    if (remote >= 0) fail(s, remote, (int)error.ee_errno);
  }
  return true;
}

void drain_errors(struct sender *s, int fd) {
  for (int i = 0; i < DRAIN_MOST && drain_one(s, fd); i++) {
  }
}
