// The programs that the demo starts. Each is in a session of its own: Ctrl-C reaches the demo alone, and that ends
// them in order.
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 10_000;
const GRACE_MS = 3000;

export function isProgram(name) {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined;
}

export class Programs {
  #aborting = new AbortController();
  #running = new Set();

  /** Starts one: what it printed so far is in `out` and `error`, `ended` brings its exit code. */
  start(command, ...words) {
    this.check();
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const program = { child, out: '', error: '', code: undefined };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      program.out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      program.error += text;
    });
    program.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        program.error += error.message;
        resolve(-1);
      });
      child.once('close', (code) => resolve(code ?? -1));
    }).then((code) => {
      this.#running.delete(program);
      program.code = code;
      return code;
    });
    this.#running.add(program);
    return program;
  }

  /** Runs one to its end. Throws what it said last when it failed, or when it took too long. */
  async run(command, ...words) {
    const program = this.start(command, ...words);
    const patience = setTimeout(() => program.child.kill('SIGKILL'), PATIENCE_MS);
    const code = await program.ended;
    clearTimeout(patience);
    this.check();
    if (code === 0) return program.out;
    const last = program.error.trim().split('\n').at(-1) || program.out.trim() || `exit code ${code}`;
    throw new Error(`\`${[command, ...words].join(' ')}\`: ${last}`);
  }

  /** Waits for something to become true; gives it back. */
  async until(what, condition) {
    const { signal } = this.#aborting;
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(20, undefined, { signal })) {
      const value = await condition();
      if (value) return value;
    }
    throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
  }

  /** Throws once `abort` was called. */
  check() {
    this.#aborting.signal.throwIfAborted();
  }

  /** Nothing is started any more, and whoever waits is told. */
  abort() {
    this.#aborting.abort();
    for (const { child } of this.#running) child.kill('SIGTERM');
  }

  /** Ends what runs still, and waits for it. */
  async close() {
    const running = [...this.#running];
    for (const { child } of running) child.kill('SIGTERM');
    const grace = setTimeout(() => {
      for (const { child } of this.#running) child.kill('SIGKILL');
    }, GRACE_MS);
    await Promise.all(running.map(({ ended }) => ended));
    clearTimeout(grace);
  }
}
