/* Socket addresses and the records of remotes (memory/remote-record.ts), for receiving and sending. */
#ifndef VTEP_UDP_H
#define VTEP_UDP_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RECORD_ADDRESS, RECORD_PORT = 4, RECORD_VNI, RECORD_LINK, RECORD_SCOPE, RECORD_WORDS };
enum { VXLAN_LENGTH = 8, VNI_MASK = 0xffffff };

static inline bool is_mapped(const int32_t *address) {
  return address[0] == 0 && address[1] == 0 && address[2] == 0xffff;
}

static inline socklen_t write_name(struct sockaddr_in6 *name, const int32_t *address, int port, int scope) {
  if (is_mapped(address)) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)name;
    memset(v4, 0, sizeof *v4);
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    v4->sin_addr.s_addr = htonl((uint32_t)address[3]);
    return sizeof *v4;
  }
  memset(name, 0, sizeof *name);
  name->sin6_family = AF_INET6;
  name->sin6_port = htons((uint16_t)port);
  name->sin6_scope_id = (uint32_t)scope;
  for (int i = 0; i < 4; i++) name->sin6_addr.s6_addr32[i] = htonl((uint32_t)address[i]);
  return sizeof *name;
}

static inline int read_name(const struct sockaddr_in6 *name, int32_t *address) {
  if (name->sin6_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
    address[0] = address[1] = 0;
    address[2] = 0xffff;
    address[3] = (int32_t)ntohl(v4->sin_addr.s_addr);
    return ntohs(v4->sin_port);
  }
  for (int i = 0; i < 4; i++) address[i] = (int32_t)ntohl(name->sin6_addr.s6_addr32[i]);
  return ntohs(name->sin6_port);
}

#endif
