/**
 * `vtep completion bash|zsh|fish` prints what makes the shell ask; `vtep completion words WORD...` answers it: a line
 * for each word that may stand in the last one's place.
 */

import { readdirSync } from 'node:fs';
import { COMMANDS } from './commands.ts';
import { FormError, type Words } from './grammar.ts';
import { findVerb, loadObject, OBJECTS } from './objects.ts';
import { OPTIONS } from './options.ts';

const BASH = `_vtep() {
  local IFS=$'\\n'
  COMPREPLY=($(vtep completion words "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
`;

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `${BASH}complete -o default -F _vtep vtep\n`,
  zsh: `#compdef vtep
_vtep() {
  local -a found
  found=("\${(@f)$(vtep completion words "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  [[ -n $found ]] && compadd -- $found || _files
}
[[ $funcstack[1] == _vtep ]] && _vtep || compdef _vtep vtep
`,
  fish: `function __vtep
  set -l found (vtep completion words (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
  set -q found[1] && printf '%s\\n' $found || __fish_complete_path (commandline -ct)
end
complete -c vtep -f -a '(__vtep)'
`,
};

export async function completion([shell = '', ...words]: string[]): Promise<number> {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (shell !== 'words' && script === undefined) {
    const wrong = shell === '' ? 'the shell is missing' : `the shell "${shell}" is not known`;
    throw new FormError(wrong, 'vtep completion bash|zsh|fish');
  }
  const text = script ?? (await candidates(words)).map((word) => `${word}\n`).join('');
  process.stdout.write(text);
  return 0;
}

/** What may stand in place of the last word, which is begun or empty. */
export async function candidates(words: readonly string[]): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  const all = await following(words.slice(0, -1), begun);
  return [...new Set(all)].filter((word) => word.startsWith(begun));
}

async function following(before: readonly string[], begun: string): Promise<string[]> {
  let at = 0;
  while (at < before.length && before[at].startsWith('-')) {
    const option = OPTIONS.find(before[at].replace(/^--?/, ''));
    const { form = '' } = (option && OPTIONS.get(option)) || {};
    at += form === '' ? 1 : 2;
    if (at > before.length) return []; // a file, or a namespace
  }
  const [first, ...rest] = before.slice(at);
  if (first === undefined) {
    return begun.startsWith('-') ? optionWords() : verbs();
  }
  const object = await loadObject(first);
  if (!object) return followingCommand(first, rest);
  if (rest.length === 0 && !Object.hasOwn(object.verbs, '')) {
    return Object.keys(object.verbs).map((name) => name.split('|')[0]);
  }
  const { command, words } = findVerb(object.name, object.verbs, rest);
  const named = words.length === 0 && /^\[?NAME\b/.test(command.form) ? devices() : [];
  return [...followingWord(command.grammar?.words ?? {}, words), ...named];
}

async function followingCommand(command: string, words: readonly string[]): Promise<string[]> {
  if (command === 'run') {
    const { RUN_WORDS } = await import('./run-words.ts');
    return [...followingWord(RUN_WORDS, words), ...(words.length === 0 ? devices() : [])];
  }
  if (command === 'daemon') return followingWord((await import('./daemon.ts')).DAEMON_WORDS, words);
  if (command === 'flannel') return followingFlannel(words);
  if (command === 'completion') return Object.keys(SCRIPTS);
  if (command === 'config') return ['show', 'schema'];
  return command === 'help' && words.length === 0 ? verbs() : [];
}

function verbs(): string[] {
  return [...Object.keys(OBJECTS), ...Object.keys(COMMANDS)].map((name) => name.split('|')[0]);
}

/** Its options are spelled with two dashes; a value of one is completed as anywhere. */
async function followingFlannel(words: readonly string[]): Promise<string[]> {
  const { FLANNEL_WORDS } = await import('./flannel-words.ts');
  const [verb = ''] = words;
  if (Object.hasOwn(FLANNEL_WORDS, verb)) {
    const table = FLANNEL_WORDS[verb as keyof typeof FLANNEL_WORDS].words;
    const found = followingWord(table, words.slice(1));
    return words.length === 0 ? ['init', 'status', 'leave', ...found] : found;
  }
  return followingWord(FLANNEL_WORDS[''].words, words);
}

function optionWords(): string[] {
  return Object.keys(OPTIONS.words).map((names) => `-${names.split('|')[0]}`);
}

/** A value of the word before, if it wants one, else any word of the table. */
function followingWord(table: Words<never>, before: readonly string[]): string[] {
  const spellings = new Map(
    Object.entries(table).flatMap(([names, word]) =>
      names.split('|').map((name) => [name, word.form] as const),
    ),
  );
  let owed: string[] = [];
  for (const word of before) {
    if (owed.length > 0) owed = owed.slice(1);
    else owed = (spellings.get(word) ?? '').split(' ').filter((part) => part !== '');
  }
  if (owed.length > 0) return valuesOf(owed[0]);
  const isShown = (name: string) => Object.hasOwn(table, name) && !table[name].hidden;
  const shown = Object.keys(table).filter((names) => isShown(names) || isShown(names.replace(/^no/, '')));
  return shown.map((names) => names.split('|')[0]);
}

/** Words in small letters are words; the others say of what sort the value is. */
function valuesOf(form: string): string[] {
  if (form === 'DEV') return devices();
  return form.split('|').filter((value) => /^[a-z]/.test(value));
}

function devices(): string[] {
  return readdirSync('/sys/class/net');
}
