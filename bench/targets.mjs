// What the figures should be: ratios where possible, as machines differ.

/** A run allocates some hundred KB once: statistics, code compiled late. One object a frame would be 16 bytes. */
const NOTHING = 0.1;

/** Those of the targets that the measured rows (results by name) can tell something about. */
export function targetsOf(results) {
  const { 'encap-lookup': encap, 'lookup-1k': small, 'lookup-1m': large } = results;
  const targets = [];
  const add = (aim, figure, reached) => targets.push({ aim, figure, reached });
  if (encap) {
    add('encap-lookup at least half of the C twin', encap.shareOfTwin, encap.shareOfTwin >= 0.5);
    const millions = encap.framesPerSecond / 1e6;
    add('encap-lookup at least 15 M frames/s', millions, millions >= 15);
  }
  const bytes = Math.max(...Object.values(results).map(({ bytesPerFrame }) => bytesPerFrame));
  add('no byte a frame, in any row', bytes, bytes < NOTHING);
  if (large) add('1 M entries in at most 40 MB', large.megabytes, large.megabytes <= 40);
  if (small && large) {
    const ratio = large.nsPerFrame / small.nsPerFrame;
    add('independent look-ups: 1 M at most 4 times 1 k', ratio, ratio <= 4);
  }
  return targets;
}
