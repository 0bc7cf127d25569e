/**
 * A remote as its datagrams need it, in eight words: written by `tables/remotes.ts`, read by the ports and, as
 * it lies here, by the addon (`native/udp.c`).
 */
export const REMOTE_RECORD = {
  /** Four words, IPv4 mapped into IPv6, host order. */
  address: 0,
  port: 4,
  /** In 24 bits; the sign bit is the table's own (`tables/remotes.ts`). */
  vni: 5,
  link: 6,
  /** Index of the interface that datagrams leave by: of a link-local address, or as asked for; 0: as the link's do. */
  scope: 7,
} as const;
export const REMOTE_RECORD_WORDS = 8;
