/** No byte of heap a frame: over the real system calls, all offloads in use, and over memory ports. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

/** On a busy machine a million frames, one at a time, may take two minutes. */
const PATIENCE_MS = 200_000;
vi.setConfig({ testTimeout: PATIENCE_MS + 20_000 });

const CIRCULATION = join(import.meta.dirname, 'circulation.mjs');
const MEMORY = join(import.meta.dirname, 'memory.mjs');

interface Result {
  frames: number;
  grown: number;
  collections: number;
  offloads?: Record<string, number>[];
}

function measure(command: string, ...words: string[]): Result {
  return JSON.parse(execFileSync(command, words, { encoding: 'utf8', timeout: PATIENCE_MS })) as Result;
}
/** Room for all that a run might allocate, so that no collection hides it. */
const ROOM = ['--min-semi-space-size=256', '--max-semi-space-size=256'];
const circulate = (batch: number, waste: number) =>
  measure('unshare', '--net', process.execPath, ...ROOM, CIRCULATION, `${batch}`, `${waste}`);

/** A whole run allocates some hundred KB once: code is compiled, statistics are read. One object a frame is 16 bytes. */
const NOTHING = 0.5;

describe('the native transport', () => {
  it.each([64, 1])('allocates nothing a frame, in batches of %d', (batch) => {
    const { frames, grown, collections, offloads } = circulate(batch, 0);
    expect(frames).toBeGreaterThanOrEqual(1_000_000);
    expect(collections).toBe(0);
    expect(grown / frames).toBeLessThan(NOTHING);
    if (batch === 1) return;
    // one cut superframes and sent trains, the other took trains apart and merged: TCP and UDP, half of each
    const [sent, got] = offloads as Record<string, number>[];
    expect(sent['train-frames']).toBeGreaterThan(0.9 * frames);
    expect(sent['train-frames']).toBeGreaterThan(4 * sent.trains);
    expect(got['train-frames-received']).toBeGreaterThan(0.9 * frames);
    expect(got['merged-frames']).toBeGreaterThan(0.9 * frames);
    expect(got['merged-frames']).toBeGreaterThan(4 * got.merged);
  });

  it('would be found out if it allocated 16 bytes a frame', () => {
    const { frames, grown } = circulate(64, 1);
    expect(grown / frames).toBeGreaterThan(15);
  });
});

describe('memory ports', () => {
  it('allocate nothing a frame', () => {
    const { frames, grown, collections } = measure(process.execPath, ...ROOM, MEMORY);
    expect(frames).toBeGreaterThanOrEqual(1_000_000);
    expect(collections).toBe(0);
    expect(grown / frames).toBeLessThan(NOTHING);
  });
});
