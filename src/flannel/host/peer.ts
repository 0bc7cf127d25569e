/** What one lease of another node asks of this host, in one family of addresses. */

export interface Peer {
  /** `10.5.52.0/24` */
  readonly subnet: string;
  /** Of its end of the tunnel: the subnet's first. */
  readonly gateway: string;
  /** Of its end of the tunnel. */
  readonly mac: string;
  /** Where its datagrams go. */
  readonly remote: string;
}
