/** Which room of src/ may know which. A file in src/ itself is the library's face and may know them all. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '..', '..', 'src');

const MAY_KNOW: Record<string, readonly string[]> = {
  wire: [],
  memory: [],
  tables: ['wire', 'memory'],
  datapath: ['tables', 'wire', 'memory', 'io'],
  io: ['memory', 'wire'],
  engine: ['datapath', 'io', 'tables', 'memory', 'wire'],
  observe: ['tables', 'io', 'memory', 'wire'],
  control: ['engine', 'io', 'tables', 'memory', 'wire'],
  config: ['control', 'io', 'tables', 'memory', 'wire'],
  daemon: ['config', 'control', 'engine', 'io', 'tables', 'memory', 'wire'],
  lan: ['io', 'vtep.ts'],
  flannel: ['control', 'io', 'wire'],
  cli: ['flannel', 'daemon', 'config', 'control', 'engine', 'observe', 'io', 'tables', 'memory', 'wire'],
};

/** The rooms that work on every frame take nothing from Node or from packages, but for the reading of addresses. */
const HOT_ROOMS = ['wire', 'memory', 'tables', 'datapath'];
const HOT_ROOMS_MAY_USE = ['node:net'];

/** Only this file finds and loads the addon. */
const ADDON_DOOR = 'io/native.ts';

interface Import {
  specifier: string;
  typeOnly: boolean;
}

function importsOf(text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  const calls = text.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]/g);
  return [
    ...Array.from(statements, ([, type, specifier]) => ({ specifier, typeOnly: type !== undefined })),
    ...Array.from(calls, ([, specifier]) => ({ specifier, typeOnly: false })),
  ];
}

function complaintAboutRoom(file: string, target: string, typeOnly: boolean): string[] {
  const room = file.split('/')[0];
  const targetRoom = target.split('/')[0];
  if (!file.includes('/') || room === targetRoom) return [];
  if (!MAY_KNOW[room]?.includes(targetRoom)) return [`${file}: ${room} may not know ${targetRoom}`];
  if (room === 'datapath' && targetRoom === 'io' && !(target === 'io/port.ts' && typeOnly)) {
    return [`${file}: datapath may know only the types of io/port.ts`];
  }
  return [];
}

function complaintsAbout(file: string, text: string): string[] {
  const room = file.split('/')[0];
  const complaints = importsOf(text).flatMap(({ specifier, typeOnly }) => {
    if (specifier.startsWith('.')) return complaintAboutRoom(file, join(dirname(file), specifier), typeOnly);
    if (!HOT_ROOMS.includes(room) || HOT_ROOMS_MAY_USE.includes(specifier)) return [];
    return [`${file}: ${room} may not use ${specifier}`];
  });
  if (file !== ADDON_DOOR && /\bdlopen\b|\bcreateRequire\b|\.node\b['"`]/.test(text)) {
    complaints.push(`${file}: only ${ADDON_DOOR} loads the addon`);
  }
  return complaints;
}

describe('the rooms of src/', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );

  it('have names that the rules know', () => {
    const rooms = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0]));
    expect(Object.keys(MAY_KNOW)).toEqual(expect.arrayContaining([...rooms]));
  });

  it.each(files)('%s keeps to its neighbours', (file) => {
    expect(complaintsAbout(file, readFileSync(join(SRC, file), 'utf8'))).toEqual([]);
  });
});

describe('the rules', () => {
  it.each([
    ['wire/arp.ts', "import { a } from '../tables/fdb.ts';", 'wire/arp.ts: wire may not know tables'],
    [
      'datapath/encap.ts',
      "export * from '../control/a.ts';",
      'datapath/encap.ts: datapath may not know control',
    ],
    [
      'datapath/encap.ts',
      "import {\n  a,\n} from '../io/port.ts';",
      'datapath/encap.ts: datapath may know only the types of io/port.ts',
    ],
    [
      'datapath/encap.ts',
      "import type { a } from '../io/tap.ts';",
      'datapath/encap.ts: datapath may know only the types of io/port.ts',
    ],
    ['tables/fdb.ts', "const a = await import('node:fs');", 'tables/fdb.ts: tables may not use node:fs'],
    ['io/tap.ts', "const a = require('../build/vtep.node');", 'io/tap.ts: only io/native.ts loads the addon'],
  ])('object in %s to %j', (file, text, complaint) => {
    expect(complaintsAbout(file, text)).toContain(complaint);
  });

  it('let the data path know the seam, and the face everything', () => {
    expect(complaintsAbout('datapath/encap.ts', "import type { Port } from '../io/port.ts';")).toEqual([]);
    expect(complaintsAbout('index.ts', "export { a } from './control/a.ts';")).toEqual([]);
  });
});
