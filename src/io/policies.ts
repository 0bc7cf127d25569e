/**
 * What this host may have to say to the packets of its programs, between their sockets and the interface: the packet
 * filter, IPsec, routing rules, programs of the control group. Frames that go in by a TAP pass none of it.
 */

import { readFileSync } from 'node:fs';
import { native } from './native.ts';
import { attributes, FAMILY, fixedPart, message, numberOf } from './netlink-message.ts';
import { ask, FLAGS, KernelRefusal, PROTOCOL, TYPE } from './rtnetlink.ts';

/** NFT_MSG_GETTABLE, and XFRM_MSG_GETSPDINFO */
const GET_TABLES = (10 << 8) | 1;
const GET_POLICIES = 0x25;
const POLICY_COUNTS = 1;
const RULE = { priority: 6 } as const;
/** Those that every host has: local, main, default. */
const USUAL_RULES = [0, 32_766, 32_767];
/** The kernel lacks it altogether. */
const LACKING = ['EPROTONOSUPPORT', 'EINVAL', 'EOPNOTSUPP', 'ENOENT', 'ENOTSUP'];
const WITHOUT_GROUPS = ['ENOSYS', 'ENODEV', 'EINVAL'];

/** The first that is found, as words; undefined: none. Who may not ask is taken to have some. */
export function findPolicy(): string | undefined {
  try {
    return findFirst();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return `what this host does with packets cannot be told (${code})`;
  }
}

function findFirst(): string | undefined {
  if (hasFilter()) return 'there are tables of the packet filter';
  if (hasIpsec()) return 'there are IPsec policies';
  if (hasRules(FAMILY.ipv4) || hasRules(FAMILY.ipv6)) return 'there are routing rules';
  if (hasPrograms()) return 'there are programs of the control group';
  return undefined;
}

function hasFilter(): boolean {
  const tables = () => ask('tables', message(GET_TABLES, FLAGS.dump, Buffer.alloc(4)), PROTOCOL.packetFilter);
  if (unlessLacking(tables).length > 0) return true;
  return ['ip', 'ip6'].some((family) => contentOf(`/proc/net/${family}_tables_names`) !== '');
}

function hasIpsec(): boolean {
  const counts = () => ask('policies', message(GET_POLICIES, FLAGS.ask, Buffer.alloc(4)), PROTOCOL.ipsec);
  return unlessLacking(counts).some((body) => {
    const found = attributes(body, 4).get(POLICY_COUNTS);
    return found !== undefined && found.length >= 8 && found.readUInt32LE(4) > 0; // in, out, ...
  });
}

function hasRules(family: number): boolean {
  const head = fixedPart([4, family], [4, 0], [4, 0]);
  const rules = () => ask('rules', message(TYPE.getRule, FLAGS.dump, head));
  return unlessLacking(rules).some((body) => {
    const priority = numberOf(attributes(body, 12).get(RULE.priority));
    return body[0] === family && !USUAL_RULES.includes(priority);
  });
}

function hasPrograms(): boolean {
  const path = /^0::(.*)$/m.exec(contentOf('/proc/self/cgroup'))?.[1];
  if (path === undefined) return false;
  const count = native().cgroupPrograms(path);
  if (count >= 0) return count > 0;
  const refusal = new KernelRefusal('programs of the control group cannot be counted', count, '');
  if (WITHOUT_GROUPS.includes(refusal.code)) return false;
  throw refusal;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function unlessLacking(question: () => Buffer[]): Buffer[] {
  try {
    return question();
  } catch (error) {
    if (error instanceof KernelRefusal && LACKING.includes(error.code)) return [];
    throw error;
  }
}
