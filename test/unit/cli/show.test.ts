/** What is printed: tables in the form of `bridge -s fdb show`, counters with their sentences, the log by level. */
import { describe, expect, it } from 'vitest';
import { describe as shown } from '../../../src/cli/show.ts';
import { LOG_LEVELS, logTo } from '../../../src/control/log.ts';
import { datagram, frame } from '../../support/frames.ts';
import { A, B, world } from '../../support/world.ts';

describe('the tables and counters', () => {
  it('stand a line each: default destinations, entries with their ages, traffic, then what has counted', () => {
    const w = world({ name: 'vx0', remotes: ['192.0.2.1', '192.0.2.2'] });
    w.vtep.fdb.add({ mac: '02:00:00:00:00:05', dst: '192.0.2.5', port: 8472, state: 'static' });
    w.back(datagram(42, frame(B, A)));
    w.back(datagram(43, frame(B, A)));
    w.clock.now = 7;
    w.out(frame(A, B));
    w.clock.now = 9;
    const lines = shown(w.vtep, ['csum', 'gso']).split('\n');
    expect(lines.slice(0, 2)).toEqual([
      '00:00:00:00:00:00 dev vx0 dst 192.0.2.1 used 9/9 self permanent',
      '00:00:00:00:00:00 dev vx0 dst 192.0.2.2 used 9/9 self permanent',
    ]);
    expect(lines.slice(2, 4).sort()).toEqual([
      '02:00:00:00:00:01 dev vx0 dst 10.0.0.1 used 2/9 self',
      '02:00:00:00:00:05 dev vx0 dst 192.0.2.5 port 8472 used 9/9 self static',
    ]);
    expect(lines.slice(4)).toEqual([
      '  rxFrames: 1',
      '  rxBytes: 60',
      '  txFrames: 1',
      '  txBytes: 60',
      '  offloads: csum gso',
      '  unknown-vni: 1 (no link has this VNI at the port the datagram came to)',
      '',
    ]);
  });

  it('of a VTEP that did nothing are its traffic: none', () => {
    expect(shown(world().vtep, [])).toBe('  rxFrames: 0\n  rxBytes: 0\n  txFrames: 0\n  txBytes: 0\n');
  });
});

describe('the log', () => {
  it.each(LOG_LEVELS.map((level, at) => [level, at + 1] as const))(
    'at %s says %d of the levels',
    (most, count) => {
      let text = '';
      const write = (more: string) => {
        text += more;
      };
      const log = logTo({ write }, { level: most });
      for (const level of LOG_LEVELS) log(level, `a sentence at ${level}`);
      const expected = LOG_LEVELS.slice(0, count).map((level) => `vtep: a sentence at ${level}\n`);
      expect(text).toBe(expected.join(''));
    },
  );
});
