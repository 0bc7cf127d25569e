/** The library's face. */

export { type LinkOptions, type OpenLink, openLink } from './control/link.ts';
export { counterLines, fdbLines } from './observe/show.ts';
export { DROP_REASONS, NOTES } from './tables/counters.ts';
