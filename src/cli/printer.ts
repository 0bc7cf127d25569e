/** Prints items as they come: of a million, none is kept. */

import { json } from './json.ts';

/** How things are shown: iproute2's -j, -p, -d, -s, -o. */
export interface Show {
  json: boolean;
  pretty: boolean;
  details: boolean;
  stats: boolean;
  oneline: boolean;
  /** As iproute2 has it, without what only vtep knows. */
  plain?: boolean;
}

/** One sort of item, in iproute2's layout and with its keys. `isOfOne`: all are of one device, which need not be named. */
export interface Kind {
  text(item: never, show: Show, isOfOne: boolean): string;
  json(item: never, show: Show, isOfOne: boolean): object;
  /** A line before all, of text; not with -o. */
  head?: string;
  /** Where what is shown is made of several items: all of them are waited for. */
  gather?(items: readonly never[], show: Show): readonly unknown[];
  /** Not a list: each stands for itself, when it happens. */
  events?: boolean;
}

export type Write = (text: string) => Promise<void> | void;

export class Printer {
  private readonly kind: Kind;
  private readonly show: Show;
  private readonly isOfOne: boolean;
  private readonly write: Write;
  private gathered: unknown[] = [];
  private count = 0;

  constructor(kind: Kind, show: Show, isOfOne: boolean, write: Write) {
    this.kind = kind;
    this.show = show;
    this.isOfOne = isOfOne;
    this.write = write;
  }

  add(items: readonly unknown[]): Promise<void> | void {
    if (this.kind.gather) this.gathered = this.gathered.concat(items);
    else if (items.length > 0) return this.write(this.texts(items));
  }

  end(): Promise<void> | void {
    const all = this.kind.gather?.(this.gathered as never[], this.show) ?? [];
    const last = all.length > 0 ? this.texts(all) : '';
    return this.write(`${last}${this.closing()}`);
  }

  private texts(items: readonly unknown[]): string {
    const { kind, show, isOfOne } = this;
    let text = '';
    for (const item of items) {
      if (show.json) text += this.element(kind.json(item as never, show, isOfOne));
      else {
        if (this.count === 0 && kind.head && !show.oneline) text += kind.head;
        const lines = kind.text(item as never, show, isOfOne);
        text += `${show.oneline ? lines.replaceAll('\n', '\\') : lines}\n`;
      }
      this.count++;
    }
    return text;
  }

  private element(value: object): string {
    const { pretty } = this.show;
    if (this.kind.events) return `${json(value, pretty)}\n`;
    return `${this.count > 0 ? ',' : pretty ? '[ ' : '['}${json(value, pretty, 1)}`;
  }

  private closing(): string {
    if (!this.show.json || this.kind.events) return '';
    const open = this.count === 0 ? '[' : '';
    return this.show.pretty ? `${open} ]\n` : `${open}]\n`;
  }
}
