// Who may be where. Each MAC belongs to a group, and is only ever seen behind the remotes of that group; each neighbour
// has MACs whose halves belong together; each flood list has remotes of its own. So whoever finds something knows
// whether it is what the key stands for.
export const LINK = 1;
export const VNI = 42;
export const PORT = 4789;
export const IPV4 = [0, 0, 0xffff];
export const MAC_HIGH = 0x0200;

/** MACs that come and go; those from LEARNED on are now and then made static. */
export const LEARNED = 300;
export const MACS = 320;
const GROUPS = 24;
export const REMOTES_A_GROUP = 4;
/** Fewer than there are of each, so that all tables are full now and then. */
export const SIZES = { links: 1, fdb: 240, remotes: 80, neighbors: 60 };
export const ADDRESSES_MOST = 200;

export const macLow = (mac) => mac + 1;
export const macOf = (low) => low - 1;
const group = (mac) => mac % GROUPS;
export const addressOf = (mac, which) => 0x0a000000 | (group(mac) << 4) | which;
export const isAddressOf = (mac, address) => address >>> 4 === addressOf(mac, 0) >>> 4;

export const LISTS = 6;
/** A flood list: the first remote is in all of them, then one more for each list than for the one before. */
const DEFAULT = 0x0aff0000;
export const ALWAYS = DEFAULT;
export const floodList = (list) => [
  ALWAYS,
  ...Array.from({ length: list + 1 }, (_, at) => DEFAULT | ((list + 1) << 8) | at),
];
export const isDefault = (address) => address >>> 16 === DEFAULT >>> 16;
/** Whether a list may go on with `address` behind `before`, and whether it may end there. */
export const mayFollow = (before, address) =>
  before === ALWAYS ? (address & 0xff) === 0 && address !== ALWAYS : address === before + 1;
export const mayEnd = (address) => address !== ALWAYS && ((address >>> 8) & 0xff) === (address & 0xff) + 1;

export const NEIGHBORS = 80;
/** The first ones are set by hand, to the last of their MACs. */
export const BY_HAND = 10;
export const MACS_A_NEIGHBOR = 4;
export const neighborIp = (neighbor) => 0x0b000000 | neighbor;
export const neighborHigh = (which) => MAC_HIGH | which;
export const neighborLow = (neighbor, which) => (neighbor << 8) | which;
export const isMacOfNeighbor = (neighbor, high, low) =>
  low >>> 8 === neighbor && (high & 0xff) === (low & 0xff) && high >>> 8 === 2;

/** The same numbers for the same seed; each worker has its own. */
export function randomNumbers(seed) {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
