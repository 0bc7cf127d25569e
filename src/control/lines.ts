/** Lines out of what a stream brings in pieces; one that is too long is an error, not memory. */

export const LINE_MOST = 1 << 20;

export class Lines {
  private readonly most: number;
  private rest: Buffer[] = [];
  private length = 0;

  /** In bytes, of a line. */
  constructor(most = LINE_MOST) {
    this.most = most;
  }

  /** The whole lines, with what came before. Throws when one is too long. */
  *add(piece: Buffer): Generator<string> {
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      yield this.finish(piece.subarray(from, end));
      from = end + 1;
    }
    this.keep(piece.subarray(from));
  }

  private finish(last: Buffer): string {
    this.keep(last);
    const line = Buffer.concat(this.rest).toString('utf8');
    this.rest = [];
    this.length = 0;
    return line;
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    this.rest.push(part);
    this.length += part.length;
    if (this.length > this.most) {
      throw new Error(`a line is longer than ${this.most} bytes: a request is a JSON object on one line`);
    }
  }
}
