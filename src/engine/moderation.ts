/**
 * Who sends many small frames wakes the worker for each of them, and most of its time goes into waking, waiting and sending
 * one by one. While they come fast and few at a time it rests between two rounds, so that some gather: as a network card
 * does with its interrupts. What comes slowly, as a ping or superframes do, is not kept waiting, nor what comes from the
 * underlay: acknowledgements are many small frames, too.
 */

/** Frames in a millisecond from which on they come fast. */
const FAST = 60;
/** Milliseconds over which that is counted; the clock has steps of up to four. */
const WINDOW = 4;
/** After a longer one without a frame nothing is known of how they come. */
const WINDOW_MOST = 20;
/** Frames of a round that are enough. */
const ENOUGH = 32;
/** With more than one datagram to so many frames it is no stream of one direction. */
const ONE_WAY = 8;

export class Moderation {
  private began = 0;
  private frames = 0;
  private datagrams = 0;
  private round = 0;
  private isFast = false;

  /** After each batch from a TAP, with the clock's milliseconds (the low 32 bits of them). */
  note(frames: number, milliseconds: number): void {
    this.frames += frames;
    this.round += frames;
    const past = (milliseconds - this.began) >>> 0;
    if (past < WINDOW) return;
    const isOneWay = this.datagrams * ONE_WAY <= this.frames;
    this.isFast = isOneWay && past <= WINDOW_MOST && this.frames > FAST * past;
    this.began = milliseconds;
    this.frames = this.datagrams = 0;
  }

  /** After each batch from the underlay. */
  noteBack(datagrams: number): void {
    this.datagrams += datagrams;
  }

  /** At the end of a round: whether it is time to rest. */
  isRestDue(): boolean {
    const { round } = this;
    this.round = 0;
    return this.isFast && round > 0 && round < ENOUGH;
  }
}
