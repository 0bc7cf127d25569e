/** Neighbours as `ip neigh show` prints them; the state is where vtep has it from. */

import type { NeighItem } from '../control/protocol.ts';
import type { Kind, Show } from './printer.ts';

export function neighText({ ip, dev, mac, flags, state }: NeighItem, _: Show, isOfOne = false): string {
  const router = flags?.includes('router') ? ' router' : '';
  return `${ip}${isOfOne ? '' : ` dev ${dev}`} lladdr ${mac}${router} ${state.toUpperCase()} `;
}

export function neighKeys({ ip, dev, mac, flags, state }: NeighItem, _: Show, isOfOne = false): object {
  return {
    dst: ip,
    dev: isOfOne ? undefined : dev,
    lladdr: mac,
    router: flags?.includes('router') ? null : undefined,
    state: [state.toUpperCase()],
  };
}

export const NEIGHBORS: Kind = { text: neighText, json: neighKeys };
