/** What a configuration looks like: the arguments of the verbs (`control/protocol.ts`), each where it belongs. */

import { ENGINE_RANGES } from '../control/link-options.ts';
import { LOG_LEVELS, type LogLevel } from '../control/log.ts';
import { parseOffloads } from '../control/offloads.ts';
import type { FdbArgs, LinkArgs, NeighArgs, VniArgs } from '../control/protocol.ts';
import {
  either,
  FDB_SHAPES,
  LINK_SHAPES,
  NEIGH_SHAPES,
  oneOf,
  type Shape,
  type Shapes,
  schemaOf,
  text,
  VNI_SHAPES,
  whole,
} from '../control/shapes.ts';

/** As the options of `vtep daemon`, without their dashes. */
export interface EngineArgs {
  workers?: number | 'auto';
  links?: number;
  remotes?: number;
  'fdb-size'?: number;
  offload?: string;
  'busy-poll'?: number;
  nice?: number;
}

export interface LogArgs {
  level?: LogLevel;
}

const OFFLOAD = text(
  'auto, off, or some of csum,tso,uso,gso,gro,lro,tnl',
  (value) => parseOffloads(value) !== undefined,
);

export const ENGINE_SHAPES: Shapes<EngineArgs> = {
  workers: either(whole(...ENGINE_RANGES.workers), oneOf('auto')),
  links: whole(...ENGINE_RANGES.links),
  remotes: whole(...ENGINE_RANGES.remotes),
  'fdb-size': whole(...ENGINE_RANGES.fdbSize),
  offload: OFFLOAD,
  'busy-poll': whole(...ENGINE_RANGES.busyPoll),
  nice: whole(...ENGINE_RANGES.nice),
};

export const LOG_SHAPES: Shapes<LogArgs> = { level: oneOf(...LOG_LEVELS) };

const { name: NAME, index: ____, ...LINK } = LINK_SHAPES;
const { dev: _, ...FDB } = FDB_SHAPES;
const { dev: __, ...NEIGH } = NEIGH_SHAPES;
const { dev: ___, ...VNI } = VNI_SHAPES;

export const NAME_SHAPE = NAME;
export const CONFIGURED_FDB: Shapes<Omit<FdbArgs, 'dev'>> = FDB;
export const CONFIGURED_NEIGH: Shapes<Omit<NeighArgs, 'dev'>> = NEIGH;
export const CONFIGURED_VNI: Shapes<Omit<VniArgs, 'dev'>> = VNI;

export const CONFIGURED_LINK: Shapes<
  Omit<LinkArgs, 'name' | 'index'> & Record<'fdb' | 'neigh' | 'vnis', unknown>
> = {
  ...LINK,
  dstport: whole(1, 65_535), // 0 is a word of `ip`, for its default
  fdb: mapsOf(FDB, ['mac', 'dst']),
  neigh: mapsOf(NEIGH, ['ip', 'mac']),
  vnis: mapsOf(VNI, ['vni']),
};

/** Maps that are read one by one. */
function mapsOf<T>(shapes: Shapes<T>, needed: readonly (keyof T & string)[]): Shape {
  const schema = { type: 'array', items: schemaOf(shapes, needed) };
  return { accepts: () => true, is: 'a list of maps', schema };
}

/** For editors: JSON Schema, draft 7. */
export function configSchema(): object {
  const link = schemaOf(CONFIGURED_LINK, []);
  const links = { type: 'object', propertyNames: NAME.schema, additionalProperties: link };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A configuration of vtep daemon',
    type: 'object',
    properties: { links, engine: schemaOf(ENGINE_SHAPES, []), log: schemaOf(LOG_SHAPES, []) },
    additionalProperties: false,
  };
}
