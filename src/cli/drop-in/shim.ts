/**
 * What stands as `ip` and `bridge` before the real ones in the PATH of `vtep exec`: a shell script each. Measured on two
 * busy cores, `ip addr` takes 3 ms by itself, 4 ms with the shell before it, and 95 ms with Node before it; so the
 * script looks at the words, and asks only where a line may concern a link of ours. It may ask too often, never too
 * seldom; whoever is asked says HAND_OVER for what is not ours. Nobody there speaks TLS, and the certificates that
 * NODE_EXTRA_CA_CERTS names would be read each time, for longer than all the rest takes.
 *
 * Where no daemon runs there is no link of ours, and only a new one (`type vxlan`, or a batch) is to be asked about.
 * Beside `monitor` somebody stands who writes what happens to our links between the lines of the real one. That one is
 * who was started, so signals, exit status and its own lines are as ever; a pipe that it holds open says how long.
 *
 * `brctl` needs nobody before it: what it does to a bridge's port it does to a TAP.
 */

import { delimiter } from 'node:path';

/** Exit status of who was asked: the real tool is meant. */
export const HAND_OVER = 120;

/** A PATH as it was before. What the daemon runs must not come back to us: we wait for it. */
export function pathPastShims(path: string): string {
  return path
    .split(delimiter)
    .filter((folder) => !/\/exec-\d+-\d+$/.test(folder))
    .join(delimiter);
}

export interface Shim {
  tool: 'ip' | 'bridge';
  /** Path of the real one; empty: there is none. */
  real: string;
  node: string;
  main: string;
  /** Who stands beside `monitor`. */
  beside: string;
  /** Where files of ours may be. */
  run: string;
  /** Where daemons' sockets are, beside that of VTEP_SOCKET. */
  sockets: string | undefined;
}

/** Options with a value, each with one dash or two. */
const VALUED = {
  ip: '-[nflb]|--[nflb]|-ba*|--ba*|-ne*|--ne*|-fa*|--fa*|-lo*|--lo*|-rc*|--rc*',
  bridge: '-[nfb]|--[nfb]|-ba*|--ba*|-ne*|--ne*|-fa*|--fa*',
};

const LOOK = {
  ip: `case $1 in a*) case " $* " in *' vxlan '*) ask "$@" ;; *) real "$@" ;; esac ;; esac
case $1 in -*|l|li|lin|link|net*) ;; *) real "$@" ;; esac
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

export function shim({ tool, real, node, main, beside, run, sockets }: Shim): string {
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
monitors() {
  while :; do
    case $1 in
      ${VALUED[tool]}) shift 2 || return 1 ;;
      -?*) shift ;;
      mo*) return 0 ;;
      *) return 1 ;;
    esac
  done
}
beside() {
  pipe=${quoted(run)}/.monitor-$$
  mkfifo -m 600 "$pipe" 2>/dev/null || real "$@"
  { rm -f "$pipe"; exec ${quoted(node)} ${quoted(beside)} $$ ${tool} "$@"; } <"$pipe" &
  exec 9>"$pipe"
  real "$@"
}
case " $* " in *' mo'*) monitors "$@" && beside "$@" ;; esac
${LOOK[tool]}
for socket in "$VTEP_SOCKET"${sockets === undefined ? '' : ` ${quoted(sockets)}/*.sock`}; do
  [ -S "$socket" ] && ask "$@"
done
real "$@"
`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
