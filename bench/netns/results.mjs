// Figures of all rounds, and the arithmetic on them.
import { COLUMNS, MEASUREMENTS, ROWS } from './rows.mjs';

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Round by round. */
export const ratios = (ours, theirs) => ours.map((figure, i) => figure / theirs[i]);

/** Of rounds (what was measured, by measurement and column) each row with its figures by column; empty rows not. */
export function resultsOf(rows, underlay, rounds) {
  const results = rows.map((row) => {
    const { of, figure } = ROWS[row];
    const columns = {};
    for (const column of Object.keys(COLUMNS)) {
      const figures = rounds
        .map((round) => round[of][column])
        .map((measured) => measured && figure(measured));
      if (figures.every((each) => each !== undefined)) columns[column] = figures;
    }
    return { row, underlay, columns };
  });
  return results.filter(({ columns }) => Object.keys(columns).length > 0);
}

/** The measurements that rows need, in the order in which they can be done. */
export function measurementsFor(rows) {
  const names = rows.flatMap((row) => [MEASUREMENTS[ROWS[row].of].after ?? [], ROWS[row].of].flat());
  return [...new Set(names)];
}
