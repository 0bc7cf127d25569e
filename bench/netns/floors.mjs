// What the figures should be, in times the kernel's own of the same round, unless `to` names another column, or nothing:
// then the figure stands for itself. Below a floor (above it where less is better) something is broken; a goal is worth
// trying for.
import { median, ratios } from './results.mjs';
import { COLUMNS, ROWS } from './rows.mjs';

const FLOORS = [
  { row: 'tcp1', underlay: 'wire', floor: 0.6, goal: 1 },
  { row: 'tcp1', underlay: 'wire', ours: 'plain', to: 'dgram', floor: 1.3, goal: 2 },
  { row: 'tcp4', underlay: 'wire', floor: 0.65, goal: 1 },
  { row: 'receives', underlay: 'wire', floor: 0.6, goal: 1 },
  { row: 'sends', underlay: 'wire', floor: 0.7, goal: 1.1 },
  { row: 'udp64', underlay: 'wire', floor: 1.1, goal: 1.7 },
  { row: 'overload', underlay: 'wire', floor: 0.9, goal: 1 },
  { row: 'cpu', underlay: 'wire', floor: 2, goal: 1.3 },
  { row: 'ping', underlay: 'wire', floor: 6, goal: 2.5 },
  { row: 'loaded', underlay: 'wire', floor: undefined, goal: 3 },
  { row: 'growth', underlay: 'wire', to: undefined, floor: 16, goal: 4 },
  { row: 'answer', underlay: 'wire', to: undefined, floor: 100, goal: 20 },
  { row: 'tcp4', underlay: 'veth', floor: 0.22, goal: 0.4 },
  { row: 'receives', underlay: 'veth', floor: 0.7, goal: 1 },
  { row: 'sends', underlay: 'veth', floor: 0.45, goal: 0.8 },
  { row: 'tcp1', underlay: 'veth', to: 'ovs', floor: 5, goal: 10 },
  { row: 'tcp1', underlay: 'veth', to: 'fastd', floor: 5, goal: 10 },
  { row: 'udp64', underlay: 'veth', to: 'ovs', floor: 3, goal: 6 },
  { row: 'udp64', underlay: 'veth', to: 'fastd', floor: 3, goal: 6 },
].map((entry) => ({ ours: 'native', to: 'kernel', ...entry }));

export const floorOf = (row, underlay) =>
  FLOORS.find((entry) => entry.row === row && entry.underlay === underlay && entry.to === 'kernel');

/** How those floors stand that the results (columns by row and underlay) can tell something about. */
export function judge(results) {
  return FLOORS.flatMap(({ row, underlay, ours, to, floor, goal }) => {
    const columns = results.find((result) => result.row === row && result.underlay === underlay)?.columns;
    if (!columns?.[ours] || (to && !columns[to])) return [];
    const value = median(to ? ratios(columns[ours], columns[to]) : columns[ours]);
    const { less = false, unit } = ROWS[row];
    const holds = (bound) => (less ? value <= bound : value >= bound);
    const how = to ? `x ${COLUMNS[to]}` : unit;
    const whose = ours === 'native' ? '' : `, ${COLUMNS[ours]},`;
    const aim = `${row}${whose} (${underlay}) at ${less ? 'most' : 'least'} ${floor ?? goal} ${how}`;
    return [
      {
        row,
        underlay,
        aim,
        value,
        less,
        floor,
        goal,
        reached: floor === undefined || holds(floor),
        goalReached: holds(goal),
        farOff: floor !== undefined && !holds(less ? floor * 2 : floor / 2),
      },
    ];
  });
}
