// Makes dist/cli, the command, which tsc leaves out. To start is most of what a verb does, and Node takes longer to find
// files than to read what is in them: so all verbs are one file, of CommonJS, for which its loader of modules need not
// start either; and so is what the shells before `ip` and `bridge` ask. What runs for long, or seldom, is modules beside
// the two, which take the other rooms from dist/.
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const ROOT = dirname(import.meta.dirname);
const SRC = join(ROOT, 'src');
const DIST = join(ROOT, 'dist', 'cli');

/** Only `import()` loads them; what they throw is of other classes than those of the others. */
const MODULES = [
  'check',
  'daemon',
  'exec',
  'flannel',
  'flannel-help',
  'flannel-words',
  'run',
  'run-help',
  'run-words',
];

/** Node's own, and those that npm brings. */
const packages = (id) => (/^[./]/.test(id) ? undefined : { id, external: true });

const modulesBeside = (id, _, { kind }) => {
  const name = id.replace(/^\.\/(.*)\.ts$/, '$1');
  const isBeside = kind === 'dynamic-import' && MODULES.includes(name);
  return isBeside ? { id: `./${name}.mjs`, external: true } : undefined;
};

/** All outputs stand in one folder beside those of the rooms. */
const otherRooms = (id, importer) => {
  const path = importer && relative(SRC, join(dirname(importer), id));
  if (!path || !id.startsWith('.') || path.startsWith('cli/')) return undefined;
  return { id: `../${path.replace(/\.ts$/, '.js')}`, external: 'relative' };
};

const otherRoomsLater = (id, importer, { kind }) =>
  kind === 'dynamic-import' ? otherRooms(id, importer) : undefined;

async function bundle(input, resolvers, output) {
  const plugins = resolvers.map((resolveId) => ({ name: resolveId.name, resolveId }));
  const made = await rolldown({ input, plugins, platform: 'node', tsconfig: join(ROOT, 'tsconfig.json') });
  await made.write({ dir: DIST, comments: false, ...output });
}

const source = (name) => join(SRC, 'cli', `${name}.ts`);

rmSync(DIST, { recursive: true, force: true });
const files = { main: 'main', 'drop-in': 'drop-in/main', beside: 'drop-in/beside' };
for (const [name, entry] of Object.entries(files)) {
  const input = { [name]: source(entry) };
  await bundle(input, [packages, modulesBeside, otherRoomsLater], { format: 'cjs', codeSplitting: false });
}
const names = { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' };
await bundle(MODULES.map(source), [packages, otherRooms], { format: 'esm', ...names });
writeFileSync(join(DIST, 'package.json'), '{ "type": "commonjs" }\n');
