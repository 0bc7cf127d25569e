/**
 * What V8 is told of the hot path, once a worker's modules are there: told before, it would take the loading of them for
 * what is hot.
 */

import { setFlagsFromString } from 'node:v8';

/**
 * The hot path is made of many small functions. V8 inlines them up to budgets that are too small for it, and learning,
 * which is hot only at first, takes of them what the rest would need; with these a frame costs a third less. And each
 * function is machine code from its first call, if not the best.
 */
export function tuneCompiler(): void {
  setFlagsFromString('--max-inlined-bytecode-size=1000');
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=7000');
  setFlagsFromString('--always-sparkplug');
}

/** How much of a function's bytecode may run before V8 looks at it: V8's own measure, and one that is full after a few frames. */
const PATIENT = 132 * 1024;
const EAGER = 2000;

/** Milliseconds without anything to do. */
const REST = 5;
/** A round after a rest gives so much, one without takes 1: a ping is one of either. */
const GIVES = 2;
const LEISURE = 6;

/**
 * When V8 makes the best code that it can. A tunnel that carries a ping now and then would wait for it for minutes: while
 * there are rests between the rounds, a few hundred frames are enough. In a burst V8's own measure is full at once, and to
 * begin earlier would take the cores from the frames, for code that is soon replaced: a fifth of a TCP flow's first
 * second, on two cores. The measure is the whole process's.
 */
export class CompilerPace {
  private readonly setMeasure: (bytes: number) => void;
  private last = 0;
  private leisure = LEISURE;
  private isEager = true;

  constructor(setMeasure = (bytes: number) => setFlagsFromString(`--interrupt-budget=${bytes}`)) {
    this.setMeasure = setMeasure;
    setMeasure(EAGER);
  }

  /** After each wait, with the clock's milliseconds (the low 32 bits of them). */
  note(milliseconds: number): void {
    const hasRested = milliseconds - this.last >= REST;
    this.last = milliseconds;
    this.leisure = hasRested ? Math.min(this.leisure + GIVES, LEISURE) : Math.max(this.leisure - 1, 0);
    if (this.leisure === (this.isEager ? 0 : LEISURE)) this.change();
  }

  private change(): void {
    this.isEager = !this.isEager;
    this.setMeasure(this.isEager ? EAGER : PATIENT);
  }
}
