/**
 * A daemon that is to end when it has no link ends soon, but not at once: whoever deletes the last link may make another
 * next, `ip link del vx0; ip link add vx0 ...`.
 */

const LINGER_MS = 2_000;

export class Linger {
  private readonly isEmpty: () => boolean;
  private readonly end: () => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(isEmpty: () => boolean, end: () => void) {
    this.isEmpty = isEmpty;
    this.end = end;
  }

  /** It may be empty: it ends if it is when the time is over, which goes on if it has begun. */
  start(): void {
    if (!this.isEmpty()) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.isEmpty()) this.end();
    }, LINGER_MS).unref();
  }

  /** It has just become empty. */
  restart(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.start();
  }
}
