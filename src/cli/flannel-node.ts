/** `vtep flannel`: the process of a node, until SIGINT, SIGTERM or `vtep flannel leave`. */

import { logTo } from '../control/log.ts';
import { MONOTONIC } from '../flannel/clock.ts';
import { FlannelNode } from '../flannel/node.ts';
import { NodeSocket } from '../flannel/node-socket.ts';
import { connectDaemon, refuseUnprivileged } from './flannel-daemon.ts';
import { readNode } from './flannel-reading.ts';
import { openRegistry, rememberedWords } from './flannel-registry.ts';
import type { NodeReading } from './flannel-words.ts';
import type { CliOptions } from './options.ts';
import { signalled } from './signalled.ts';
import { carryOnUnheard } from './written.ts';

const MINUTE_S = 60;

export async function node(words: readonly string[], options: CliOptions): Promise<number> {
  const reading = readNode(words);
  const log = logTo(process.stderr, { level: reading.logLevel });
  refuseUnprivileged();
  carryOnUnheard();
  const asked = signalled();
  const socket = await NodeSocket.open(reading.state, (sentence) => log('warn', sentence));
  const flannel = new FlannelNode({
    ...partsOf(reading),
    registry: openRegistry(reading),
    connect: (start) => connectDaemon(reading.socket ?? options.socket, start),
    words: rememberedWords(reading),
    clock: MONOTONIC,
    log,
    ready: (sentence) => void process.stdout.write(`vtep: flannel ready: ${sentence}\n`),
  });
  const left = new Promise<undefined>((end) => {
    socket.answering = async (verb) => {
      if (verb === 'status') return flannel.status();
      const said = await flannel.leave();
      end(undefined);
      return said;
    };
  });
  flannel.start();
  const signal = await Promise.race([asked, left]);
  await flannel.stop();
  await socket.close();
  if (signal) {
    log(
      'info',
      `${signal}: the node ends and leaves all in place, so traffic goes on; \`vtep flannel leave\` takes it down`,
    );
  }
  return 0;
}

/** Those of the node that are words as they stand. */
function partsOf(reading: NodeReading) {
  const { ifaces, ifaceRegexes, canReach, publicIp, publicIpv6 } = reading;
  const { state, subnetFile, ipMasq, bridge, leaseTtl, renewMargin, forceNew } = reading;
  return {
    external: { ifaces, ifaceRegexes, canReach, publicIp, publicIpv6 },
    ...{ state, subnetFile, ipMasq, bridge, leaseTtl, forceNew },
    renewMargin: renewMargin * MINUTE_S,
  };
}
