/** The TAPs of a network namespace, whoever has them: asked of the real `ip`. */

import { capture } from './real.ts';

export interface Tap {
  ifname: string;
  /** Further names of it. */
  altnames?: string[];
}

export function tapsIn(netns: string | undefined): Tap[] {
  return ask(netns, 'type', 'tun');
}

/** By any of its names. */
export function tapNamed(name: string, netns: string | undefined): Tap | undefined {
  return ask(netns, 'dev', name, 'type', 'tun')[0];
}

function ask(netns: string | undefined, ...words: string[]): Tap[] {
  const within = netns === undefined ? [] : ['-n', netns];
  const { out, status } = capture('ip', [...within, '-j', 'link', 'show', ...words]);
  const isSaid = ({ ifname }: Tap) => ifname !== undefined;
  return status === 0 && out.trim() !== '' ? (JSON.parse(out) as Tap[]).filter(isSaid) : [];
}
