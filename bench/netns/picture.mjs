// The ratios as bars, for a README: one SVG that is read in light and in dark. Longer is better in every row: where less is
// better it is the kernel's figure through ours. The line at 1 is the kernel.
import { floorOf } from './floors.mjs';
import { median, ratios } from './results.mjs';
import { COLUMNS, ROWS } from './rows.mjs';

const WIDTH = 820;
const LEFT = 250;
const RIGHT = 150;
const TOP = 80;
/** Times the kernel at the right end; what goes beyond is cut there, its label tells. */
const MOST = 2;
const THICK = 16;
const THIN = 6;
const SPACE = 8;

const STYLE = `
  .ground { fill: #ffffff } text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  .native { fill: #0969da } .other { fill: #9ea7b3 } .axis { stroke: #d1d9e0 } .kernel { stroke: #59636e; stroke-width: 1.5 }
  .floor { stroke: #cf222e; stroke-width: 2 } .goal { stroke: #1a7f37; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #f0f6fc } .small { fill: #9198a1 } .native { fill: #4493f8 } .other { fill: #656c76 }
    .axis { stroke: #3d444d } .kernel { stroke: #9198a1 } .floor { stroke: #f85149 } .goal { stroke: #3fb950 }
  }`;

const plain = (words) => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const text = (x, y, words, rest = '') => `<text x="${x}" y="${y}" ${rest}>${plain(words)}</text>`;
const upright = (x, from, to, kind) => `<line x1="${x}" x2="${x}" y1="${from}" y2="${to}" class="${kind}"/>`;
const place = (ratio) => Math.round(LEFT + (Math.min(ratio, MOST) / MOST) * (WIDTH - LEFT - RIGHT));
const digits = (number) => number.toFixed(number >= 100 ? 0 : number >= 10 ? 1 : 2);

/** What a row shows: ours thick, the peers thin below it. */
function barsOf({ row, columns }) {
  const shown = ['native', 'ovs', 'fastd'].filter((column) => columns[column]);
  return shown.map((column) => {
    const ratio = median(ratios(columns[column], columns.kernel));
    const figures = [columns[column], columns.kernel].map((numbers) => digits(median(numbers)));
    return {
      column,
      ratio: ROWS[row].less ? 1 / ratio : ratio,
      said: `${figures[0]}, kernel ${figures[1]} ${ROWS[row].unit}`,
    };
  });
}

function mark(kind, bound, { less }, y) {
  return bound === undefined ? '' : upright(place(less ? 1 / bound : bound), y - 3, y + THICK + 3, kind);
}

function drawRow(result, y) {
  const { row, underlay } = result;
  const { floor, goal } = floorOf(row, underlay) ?? {};
  const parts = [text(LEFT - 10, y + 13, `${ROWS[row].what} · ${underlay}`, 'text-anchor="end"')];
  let at = y;
  for (const { column, ratio, said } of barsOf(result)) {
    const own = column === 'native';
    const height = own ? THICK : THIN;
    const kind = own ? 'native' : 'other';
    parts.push(
      `<rect x="${LEFT}" y="${at}" width="${place(ratio) - LEFT}" height="${height}" rx="2" class="${kind}"/>`,
    );
    if (own) parts.push(text(WIDTH - RIGHT + 8, at + 12, said, 'class="small"'));
    else parts.push(text(place(ratio) + 6, at + THIN + 2, COLUMNS[column], 'class="small"'));
    at += height + 6;
  }
  parts.push(mark('floor', floor, ROWS[row], y), mark('goal', goal, ROWS[row], y));
  return { parts, height: at - y + SPACE };
}

function drawAxis(bottom) {
  const parts = [0, 0.5, 1, 1.5, 2].map((ratio) => {
    const kind = ratio === 1 ? 'kernel' : 'axis';
    const label = ratio === 1 ? 'kernel' : `${ratio}`;
    return (
      upright(place(ratio), TOP - 8, bottom, kind) +
      text(place(ratio), TOP - 14, label, 'text-anchor="middle" class="small"')
    );
  });
  return parts.join('\n');
}

export function picture({ machine, versions }, results) {
  const shown = results.filter(({ columns }) => columns.kernel && columns.native);
  const rows = [];
  let y = TOP;
  for (const result of shown) {
    const { parts, height } = drawRow(result, y);
    rows.push(...parts);
    y += height;
  }
  const title = 'vtep beside the kernel’s own vxlan';
  const legend =
    'times the kernel’s figure, less is better turned round: longer is better; red: floor, green: goal';
  const height = y + 34;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title>${title}</title>
<style>${STYLE}</style>
<rect width="100%" height="100%" rx="6" class="ground"/>
${text(12, 24, title, 'font-weight="600"')}
${text(12, 42, legend, 'class="small"')}
${drawAxis(y)}
${rows.filter(Boolean).join('\n')}
${text(12, y + 22, `${machine}; ${versions}`, 'class="small"')}
</svg>
`;
}
