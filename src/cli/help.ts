/** `vtep help`, `vtep fdb help`, `vtep link add help`: the forms, from the tables that words are read by. */

import { COMMANDS } from './commands.ts';
import { FormError, wrapped } from './grammar.ts';
import { findVerb, formOf, loadObject } from './objects.ts';

const OVERVIEW = `A userspace VXLAN data plane over TAP; its words are those of \`ip\` and \`bridge\`.

  vtep run NAME id VNI ...                one link in the foreground
  vtep daemon [-c FILE]                   many, behind a control socket, or as a file says
  vtep check [FILE]                       what is wrong with a daemon's file, and where
  vtep reload [FILE]                      the daemon's file again, or another: all of it or nothing
  vtep config show|schema                 what runs as a file; the JSON schema of such files, for editors
  vtep flannel [init|status|leave] ...    a node of a flannel network, whose nodes find each other in etcd
  vtep exec -- CMD...                     CMD, with \`ip\` and \`bridge\` taken over where links of vtep are meant
  vtep link  add|set|delete|show ...      links, as \`ip link ... type vxlan\`
  vtep fdb   add|append|replace|delete|get|show|flush ...
                                          where MACs are, as \`bridge fdb\`
  vtep neigh add|change|replace|delete|show|flush ...
                                          whose ARP and ND is answered, as \`ip neigh\`
  vtep vni   add|delete|show ...          the VNIs of a trunk, as \`bridge vni\`
  vtep monitor [link|fdb|neigh|miss]...   what happens, as it happens
  vtep stop                               ends the daemon, and its links
  vtep completion bash|zsh|fish           for the shell, such as: source <(vtep completion bash)

Options stand before the verb: -j[son] -p[retty] -d[etails] -s[tatistics] -o[neline] -b[atch] FILE|- -force
-n[etns] NAME -socket PATH (or VTEP_SOCKET) -start (the daemon, if none runs) -V[ersion]. Words may be cut short.

Examples:
  vtep -start link add vx0 type vxlan id 42 local 192.0.2.1 dstport 4789 up
  vtep fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.2
  vtep -d link show vx0      its line \`vxlan ...\` is what \`link add vx0 type\` takes
  vtep link add help         the words of a verb

It ends with 0; with 1 if the daemon refused, or there is none; with 2 if the words were not understood.
`;

export async function help(about: string[]): Promise<number> {
  process.stdout.write(await helpText(about));
  return 0;
}

export async function helpText([first, ...words]: string[]): Promise<string> {
  if (first === undefined) return OVERVIEW;
  if (first === 'run') return (await import('./run-help.ts')).RUN_HELP;
  if (first === 'flannel') return (await import('./flannel-help.ts')).flannelHelp(words[0]);
  if (first === 'daemon') return `${wrapped((await import('./daemon.ts')).DAEMON_FORM)}\n`;
  const object = await loadObject(first);
  if (!object) return Object.hasOwn(COMMANDS, first) ? linesAbout(first) : OVERVIEW;
  const verbs =
    words.length > 0 ? words.slice(0, 1) : Object.keys(object.verbs).map((name) => name.split('|')[0]);
  try {
    return verbs.map((verb) => `${wrapped(formOf(findVerb(object.name, object.verbs, [verb])))}\n`).join('');
  } catch (error) {
    if (!(error instanceof FormError)) throw error;
    return `${error.form}\n`;
  }
}

/** Of the overview. */
function linesAbout(command: string): string {
  const lines = OVERVIEW.split('\n').filter((line) => `${line} `.startsWith(`  vtep ${command} `));
  return lines.map((line) => `${line.trim()}\n`).join('');
}
