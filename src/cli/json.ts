/** JSON as iproute2 prints it with -p; without, it is as short as it can be. */

export function json(value: unknown, isPretty: boolean, depth = 0): string {
  return isPretty ? pretty(value, depth) : JSON.stringify(value);
}

function pretty(value: unknown, depth: number): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? '[ ]' : `[ ${value.map((each) => pretty(each, depth + 1)).join(',')} ]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = ' '.repeat(4 * (depth + 1));
  const members = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .map(([name, each]) => `\n${inner}${JSON.stringify(name)}: ${pretty(each, depth + 1)}`);
  return members.length === 0 ? '{}' : `{${members.join(',')}\n${' '.repeat(4 * depth)}}`;
}
