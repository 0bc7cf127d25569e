/**
 * What stands as `ip` and `bridge` before the real ones in the PATH of `vtep exec`: a shell script each. Measured on two
 * busy cores, `ip addr` takes 3 ms by itself, 4 ms with the shell before it, and 95 ms with Node before it; so the
 * script looks at the words, and asks only where a line may concern a link of ours. It may ask too often, never too
 * seldom; whoever is asked says HAND_OVER for what is not ours. Nobody there speaks TLS, and the certificates that
 * NODE_EXTRA_CA_CERTS names would be read each time, for longer than all the rest takes.
 *
 * Where no daemon runs there is no link of ours, and only a new one (`type vxlan`, or a batch) is to be asked about.
 * `brctl` needs nobody before it: what it does to a bridge's port it does to a TAP.
 */

import { delimiter, join } from 'node:path';

/** Exit status of who was asked: the real tool is meant. */
export const HAND_OVER = 120;

/** Where the shells stand: a folder named by what is in it. */
export function shimFolder(run: string, name: string): string {
  return join(run, `exec-${name}`);
}

/** A PATH as it was before. What the daemon runs must not come back to us: we wait for it. */
export function pathPastShims(path: string): string {
  return path
    .split(delimiter)
    .filter((folder) => !/\/exec-[0-9a-f]{16}$/.test(folder))
    .join(delimiter);
}

export interface Shim {
  tool: 'ip' | 'bridge';
  /** Path of the real one; empty: there is none. */
  real: string;
  node: string;
  main: string;
  /** Where the daemons' sockets are. */
  run: string;
}

const LOOK = {
  ip: `case $1 in -*|l|li|lin|link|net*) ;; *) real "$@" ;; esac
case $1\\ $2 in net*\\ exec) real "$@" ;; esac
case " $* " in *' vxlan '*|*' -b '*|*' -ba'*|*' --b'*) ask "$@" ;; esac
case " $* " in
  *' -d '*|*' -de'*|*' --d'*|*' -s '*|*' -st'*|*' --s'*) ;;
  *' d '*|*' de '*|*' del '*|*' dele'*) ;;
  *' s'*' name '*|*' c'*' name '*) ;;
  *) real "$@" ;;
esac`,
  bridge: `case $1 in -*|f*|vn*|m*) ;; *) case " $* " in *tunnel*) ;; *) real "$@" ;; esac ;; esac`,
};

export function shim({ tool, real, node, main, run }: Shim): string {
  return `#!/bin/sh
# ${tool} as \`vtep exec\` has it: lines that may concern links of vtep are asked about, the rest is the real one's.
real() {
  exec ${real === '' ? `sh -c 'echo "${tool}: command not found" >&2; exit 127'` : `${quoted(real)} "$@"`}
}
ask() {
  NODE_EXTRA_CA_CERTS= ${quoted(node)} ${quoted(main)} ${tool} ${quoted(real)} "$@"
  said=$?
  [ $said -eq ${HAND_OVER} ] || exit $said
  real "$@"
}
${LOOK[tool]}
[ -S "$VTEP_SOCKET" ] && ask "$@"
for socket in ${quoted(run)}/*.sock; do
  [ -S "$socket" ] && ask "$@"
done
real "$@"
`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
