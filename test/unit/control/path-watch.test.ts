/** When the kernel is asked how large a packet the way to a link's remotes carries. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HostFollower } from '../../../src/control/host-follower.ts';
import type { Link } from '../../../src/control/link.ts';
import { PathWatch } from '../../../src/control/path-watch.ts';
import { type Device, findDevice } from '../../../src/io/devices.ts';
import { DEFAULT_SIZES, Tables } from '../../../src/tables/tables.ts';

const LOOPBACK = findDevice('lo') as Device;
const OTHER: Device = { ...LOOPBACK, index: 1_000_000, name: 'other0' };
const REMOTES = { remotes: ['127.0.0.2'] };

let host: HostFollower;
let tables: Tables;
let asked: number;
let path: PathWatch;

beforeEach(() => {
  tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, links: 600 }));
  host = new HostFollower(tables);
  host.watch.tell(OTHER);
  path = pathOf(1);
  asked = 0;
});
afterEach(() => host.close());

/** Of a link that is there by now. */
function pathOf(index: number): PathWatch {
  const link = {
    index,
    ipv6: false,
    set pathMtu(_: number) {
      asked++;
    },
  };
  const made = new PathWatch(link as Link, tables, host);
  made.ask(REMOTES, 0);
  return made;
}

const getsMtu = (device: Device, mtu: number) => host.watch.tell({ ...device, mtu });

/** Interfaces get other MTUs, and what is to be done then is done. */
async function afterMtus(act: () => void, underlay = 0): Promise<void> {
  const told = new Promise<void>((resolve) => {
    const end = host.atMtu(() => {
      path.lookAtMtu(REMOTES, underlay);
      end();
      resolve();
    });
  });
  act();
  await told;
}

it('is asked once when the interface that datagrams leave by gets another MTU', async () => {
  path.look(REMOTES, 0);
  expect(asked).toBe(0);
  await afterMtus(() => {
    getsMtu(LOOPBACK, 9000);
    getsMtu(LOOPBACK, 8000);
  });
  path.look(REMOTES, 0);
  expect(asked).toBe(1);
});

it('is not asked for that of another interface, until datagrams leave by that one', async () => {
  await afterMtus(() => getsMtu(OTHER, 9000));
  expect(asked).toBe(0);
  path.ask(REMOTES, LOOPBACK.index);
  await afterMtus(() => {
    getsMtu(OTHER, 8000);
    getsMtu(LOOPBACK, 8000);
  }, LOOPBACK.index);
  expect(asked).toBe(2);
});

it('is asked once a minute, of links that came together not in the same second', () => {
  const paths = Array.from({ length: 600 }, (_, at) => pathOf(at + 1));
  const seconds = Array.from({ length: 120 }, () => {
    asked = 0;
    for (const each of paths) each.look(REMOTES, 0);
    return asked;
  });
  expect(seconds).toEqual(seconds.map(() => 10));
});
