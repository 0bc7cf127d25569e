/** The README's tables of what is otherwise than with the kernel, made of `differences.ts`. */
import {
  ATTRIBUTES,
  type Difference,
  FDB_DIFFERENCES,
  LINK_DIFFERENCES,
  PATH_DIFFERENCES,
} from './differences.ts';

const BESIDE = { same: 'the same', better: 'better', refused: 'refused', ours: 'only here' } as const;

function attributes(): string {
  const rows = Object.entries(ATTRIBUTES).map(([name, { beside, why, made, becomes, kernelChanges }]) => {
    const names = name.split(', ').map((each) => `\`${each}\``);
    const running = beside === 'refused' || !made ? '' : kernelChanges ? 'both' : becomes ? 'vtep' : '';
    return `| ${names.join(', ')} | ${BESIDE[beside]} | ${running} | ${why} |`;
  });
  return ['| attribute | beside the kernel | changed as it runs by | |', '|---|---|---|---|', ...rows].join(
    '\n',
  );
}

function differences(all: readonly Difference[]): string {
  const rows = all.map(({ when, kernel, ours, reason }) => `| ${when} | ${kernel} | ${ours} | ${reason} |`);
  return ['| | the kernel | vtep | why |', '|---|---|---|---|', ...rows].join('\n');
}

const TABLES: Record<string, () => string> = {
  attributes,
  differences: () =>
    differences(
      [LINK_DIFFERENCES, PATH_DIFFERENCES, FDB_DIFFERENCES].flatMap((each) =>
        Object.values<Difference>(each),
      ),
    ),
};

/** The README as it should be: each table stands between two comments that name it. */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, table]) => {
    const form = new RegExp(`(<!-- ${name} -->\n).*?(<!-- /${name} -->)`, 's');
    if (!form.test(text)) throw new Error(`the README has no place for the table ${name}`);
    return text.replace(form, (_, open, close) => `${open}\n${table()}\n\n${close}`);
  }, readme);
}
