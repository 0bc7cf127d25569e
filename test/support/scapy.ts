import { spawnSync } from 'node:child_process';

/** Debian's python3-scapy belongs to the system's Python, not to whichever comes first in PATH. */
const PYTHON = '/usr/bin/python3';

const importable = spawnSync(PYTHON, ['-c', 'import scapy'], { stdio: 'ignore' }).status === 0;

/** For `describe.skipIf`; where CI is set nothing may skip, so that the tests fail there instead. */
export const WITHOUT_SCAPY = !importable && !process.env.CI;
export const SCAPY_NOTE = WITHOUT_SCAPY ? ' (skipped: python3-scapy is not installed)' : '';

const PRELUDE = `
import json, sys, logging
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.l2 import *
from scapy.layers.inet import *
from scapy.layers.inet6 import *
from scapy.layers.vxlan import *
from scapy.layers.sctp import *
from scapy.packet import Raw
given = json.load(sys.stdin)
`;

/**
 * Runs Python that finds its input in `given` and calls `answer(...)` once; both travel as JSON. A
 * process takes about half a second to start, so hand over all cases of a test at once.
 */
export function scapy<Answer>(script: string, given: unknown = null): Answer {
  const program = `${PRELUDE}def answer(value): json.dump(value, sys.stdout)\n${script}`;
  const run = spawnSync(PYTHON, ['-c', program], {
    input: JSON.stringify(given),
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 64 << 20,
  });
  if (run.status !== 0) throw new Error(`scapy failed: ${run.stderr || run.error}`);
  return JSON.parse(run.stdout) as Answer;
}
