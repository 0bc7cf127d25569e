// The table and the verdicts as text, and both as JSON.
import { median, ratios } from './results.mjs';
import { COLUMNS, ROWS } from './rows.mjs';

const LABEL = 27;
const NARROW = 8;
const WIDE = 16;

const digits = (number) => number.toFixed(number >= 100 ? 0 : number >= 10 ? 1 : 2);
const widthOf = (column) => (column === 'kernel' ? NARROW : WIDE);

function spread(numbers) {
  return { median: median(numbers), least: Math.min(...numbers), most: Math.max(...numbers) };
}

/** A column's ratio to the kernel's, where both were measured. */
function compared(column, columns) {
  if (column === 'kernel' || !columns[column] || !columns.kernel) return '';
  const { median: middle, least, most } = spread(ratios(columns[column], columns.kernel));
  return `${digits(middle)} (${digits(least)}-${digits(most)})`;
}

const line = (label, cellOf) =>
  [label.padEnd(LABEL), ...Object.keys(COLUMNS).map((column) => cellOf(column).padEnd(widthOf(column)))]
    .join(' ')
    .trimEnd();

/** Two lines a row: the figures, and below them how many times the kernel's they are. */
export function printTable(results) {
  console.log(line('', (column) => COLUMNS[column]));
  for (const { row, underlay, columns } of results) {
    const { what, unit } = ROWS[row];
    const figure = (column) => (columns[column] ? digits(median(columns[column])) : '');
    console.log(line(`${row.padEnd(9)}${underlay.padEnd(5)}${unit}`, figure));
    console.log(line(`  ${what}`, (column) => compared(column, columns)));
  }
}

export function printVerdicts(verdicts) {
  for (const { aim, value, floor, goal, reached, goalReached } of verdicts) {
    const word = floor === undefined ? '-      ' : reached ? 'reached' : 'MISSED ';
    console.log(`${word}  ${aim}: ${digits(value)}; goal ${goal}${goalReached ? ', reached' : ''}`);
  }
}

export function printJson(machine, results, verdicts) {
  console.log(JSON.stringify(machine));
  for (const { row, underlay, columns } of results) {
    const { unit, less = false } = ROWS[row];
    for (const [column, figures] of Object.entries(columns)) {
      const ratio = columns.kernel && spread(ratios(figures, columns.kernel));
      console.log(
        JSON.stringify({ row, underlay, column, unit, less, figures, median: median(figures), ratio }),
      );
    }
  }
  for (const verdict of verdicts) console.log(JSON.stringify(verdict));
}
