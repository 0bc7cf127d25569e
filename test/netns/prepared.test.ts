/**
 * A TAP that root prepared, changed by a process that is killed: whoever comes next takes back what is that one's, and
 * nothing else.
 *
 *   a [ vx0: alias "uplink", 10.9.9.9/24, down ] 192.0.2.1 ──── b
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';

const RUN =
  'vx0 id 42 remote 192.0.2.2 mtu 1400 address 02:00:00:00:00:42 address 10.0.0.1/24 address fd00::1/64';

describe('a prepared TAP', () => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  let before: string;
  beforeAll(() => {
    [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
  });
  beforeEach(async () => {
    a.ip('tuntap add dev vx0 mode tap', 'link set vx0 alias uplink', 'address add 10.9.9.9/24 dev vx0');
    before = await state();
    return () => a.ip('link del vx0');
  });
  afterAll(() => lab.close());

  /** What is said of it, without what differs with its being open. */
  const state = async () =>
    (await a.run('ip', '-d', 'address', 'show', 'dev', 'vx0')).replace(
      /valid_lft.*|qdisc \S+|vnet_hdr \S+|\s+/g,
      ' ',
    );
  const kill = (process: { end(signal: NodeJS.Signals): unknown } | VtepProcess) =>
    process instanceof VtepProcess ? process.stop('SIGKILL') : process.end('SIGKILL');

  it.each(TRANSPORTS)(
    'is as it was after an end that is none of these, --transport %s',
    async (transport) => {
      const vtep = await VtepProcess.start(a, `${RUN} --transport ${transport}`);
      expect(await state()).toMatch(/ mtu 1400 .*10\.0\.0\.1/);
      expect(await a.run('ip', '-d', 'link', 'show', 'dev', 'vx0')).toContain(
        'alias uplink [vtep has changed: mac ',
      );
      expect((await vtep.stop()).code).toBe(0);
      expect(await state()).toBe(before);
    },
  );

  it('is as it was when the terminal has closed', async () => {
    const vtep = await VtepProcess.start(a, RUN);
    expect((await vtep.stop('SIGHUP')).code).toBe(0);
    expect(await state()).toBe(before);
  });

  it('is as it was after `vtep run` was killed and came again', async () => {
    await kill(await VtepProcess.start(a, RUN));
    expect(await state()).toMatch(/02:00:00:00:00:42.*10\.0\.0\.1\/24.*fd00::1\/64/);
    const again = await VtepProcess.start(a, 'vx0 id 42 remote 192.0.2.2 mtu 1390');
    const shown = await state();
    expect(shown).toContain('mtu 1390');
    expect(shown).not.toMatch(/02:00:00:00:00:42|10\.0\.0\.1|fd00::1/);
    await again.stop();
    expect(await state()).toBe(before);
  });

  it('has what others did since, after a daemon that was killed in mid-change and another that started', async () => {
    const first = await DaemonProcess.start(lab, a);
    await first.verb('link add vx0 type vxlan id 42 remote 192.0.2.2 mtu 1400 address 10.0.0.1/24');
    await first.verb('link set vx0 mtu 1380 address 02:00:00:00:00:43 address 10.0.0.2/24');
    await kill(first);
    expect(await state()).toMatch(/mtu 1380.*02:00:00:00:00:43.*10\.0\.0\.2\/24/);
    a.ip('link set vx0 mtu 1333', 'address add 10.0.0.3/24 dev vx0');
    const next = await DaemonProcess.start(lab, a);
    const theirs = await state();
    await next.end();
    a.ip('link set vx0 mtu 1500', 'address del 10.0.0.3/24 dev vx0');
    expect(theirs).toMatch(/mtu 1333.*10\.0\.0\.3\/24/);
    expect(await state()).toBe(before);
  });

  it('keeps its changes while it is held, whoever else starts', async () => {
    const vtep = await VtepProcess.start(a, RUN);
    const held = await state();
    const daemon = await DaemonProcess.start(lab, a);
    expect(await state()).toBe(held);
    await daemon.end();
    await vtep.stop();
    expect(await state()).toBe(before);
  });
});
