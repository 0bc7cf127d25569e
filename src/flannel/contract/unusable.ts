/** What somebody wrote into the registry and cannot be used: why, as a name for counters and a sentence for people. */

export type Reason =
  | 'too large'
  | 'key'
  | 'json'
  | 'address'
  | 'mac'
  | 'vni'
  | 'outside the network'
  | 'overlaps'
  | 'own subnet'
  | 'own address'
  | 'own mac';

export class Unusable extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, sentence: string) {
    super(sentence);
    this.name = 'Unusable';
    this.reason = reason;
  }
}

const SHOWN = 60;

/** Of a stranger, who may have written anything: one line, and not a long one. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);
}
