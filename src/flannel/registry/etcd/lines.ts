/** Lines of a stream, as they become whole. */

const NEWLINE = 10;

export class Lines {
  private readonly largest: number;
  private pieces: Buffer[] = [];
  private length = 0;

  /** In bytes, of a line. */
  constructor(largest: number) {
    this.largest = largest;
  }

  /** Undefined: one is too long. */
  take(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      this.keep(chunk.subarray(from, to));
      lines.push(Buffer.concat(this.pieces).toString());
      this.pieces = [];
      this.length = 0;
      from = to + 1;
    }
    this.keep(chunk.subarray(from));
    return this.length > this.largest ? undefined : lines;
  }

  private keep(piece: Buffer): void {
    this.pieces.push(piece);
    this.length += piece.length;
  }
}
