/** Lines of a batch, as iproute2 reads them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchLines } from '../../../src/cli/batch-lines.ts';

function read(...chunks: string[]) {
  const lines = new BatchLines();
  const found = chunks.flatMap((chunk) => [...lines.add(chunk)]);
  return [...found, ...lines.end()].map(({ number, words }) => [number, words]);
}

describe('a batch', () => {
  it.each<[string, unknown]>([
    ['fdb show\n', [[1, ['fdb', 'show']]]],
    ['fdb show', [[1, ['fdb', 'show']]]],
    ['\n\n# a comment\n \t\nfdb show # and one\n', [[5, ['fdb', 'show']]]],
    ['  fdb\t show  \r\n', [[1, ['fdb', 'show']]]],
    [
      'fdb \\\nshow \\\ndev vx0\nlink\n',
      [
        [3, ['fdb', 'show', 'dev', 'vx0']],
        [4, ['link']],
      ],
    ],
    ['link show "a b" \'c d\' ""\n', [[1, ['link', 'show', 'a b', 'c d', '']]]],
    [
      'link show "a b\nlink\n',
      [
        [1, 'the quote " has no end'],
        [2, ['link']],
      ],
    ],
    ['link \\', [[1, 'the line goes on, and there is no other']]],
    ['link \\\n', [[1, 'the line goes on, and there is no other']]],
    ['', []],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('is the same wherever its chunks end', () => {
    const text = 'fdb show # x\nlink show \\\n "a b"\n\nvni show';
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 5 }), (cuts) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), text.length];
        const chunks = ends.slice(1).map((end, at) => text.slice(ends[at], end));
        expect(read(...chunks)).toEqual(read(text));
      }),
    );
  });
});
