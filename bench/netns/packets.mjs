// The packet generator and sink: `packets.c`, one process with a socket in both namespaces.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Once for a run. */
export function compilePackets(folder) {
  const source = join(import.meta.dirname, 'packets.c');
  const words = ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', join(folder, 'packets'), source];
  if (spawnSync(process.env.CC || 'cc', words, { stdio: 'inherit' }).status !== 0)
    throw new Error('packets.c was not compiled: `apt-get install gcc libc6-dev` brings a compiler');
}

export class Packets {
  #child;
  #lines;

  constructor([a, b], flows) {
    const program = join(a.rig.folder, 'packets');
    this.#child = a.rig.spawn(program, a.netns, b.netns, b.address, `${flows}`);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Offers so many packets a second for a while: how many a second were `offered` and `delivered`, how many `lost`. */
  async offer(rate, milliseconds) {
    this.#child.stdin.write(`${Math.round(rate)} ${milliseconds}\n`);
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error(`packets ended: ${this.#child.said}`);
    return JSON.parse(value);
  }

  end() {
    this.#child.stdin.end();
  }
}
