/**
 * The suite of registries over a real etcd, and what only etcd can do to a node.
 *
 *   registry ── HTTP, HTTPS on loopback ── etcd, or a cluster of three
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { EtcdRegistry } from '../../src/flannel/registry/etcd/registry.ts';
import { Etcd } from '../support/etcd.ts';
import { Lab } from '../support/netns.ts';
import { describeRegistry } from '../support/registry-contract.ts';

describe('on one etcd', () => {
  const lab = new Lab();
  let etcd: Etcd;
  let stores = 0;
  beforeAll(async () => {
    etcd = await Etcd.start(lab);
  });
  afterAll(() => lab.close());

  describeRegistry('a registry in etcd', () => {
    const prefix = `/networks/${stores++}`;
    return {
      node: () => new EtcdRegistry({ endpoints: [etcd.url], prefix }),
      pass: () => {},
      compact: () => etcd.compact(),
      clear: () => {},
    };
  });
});
