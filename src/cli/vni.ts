/** `vtep vni`: the VNIs of a trunk. */

import { ask, type Commands, type Plan } from './plan.ts';
import { VNIS } from './print-vni.ts';
import type { Show } from './printer.ts';
import { parseVniAdd, parseVniDel, parseVniShow, VNI_ENTRY, VNI_SHOW } from './vni-words.ts';

function planShow(words: readonly string[], { stats }: Show): Plan {
  return { requests: [ask('vni show', { ...parseVniShow(words), stats: stats || undefined })], kind: VNIS };
}

export const VNI: Commands = {
  add: {
    form: VNI_ENTRY.form('vni', 'dev'),
    grammar: VNI_ENTRY,
    plan: (words) => ({ requests: parseVniAdd(words).map((args) => ask('vni add', args)) }),
  },
  delete: {
    form: 'vni VNI[-VNI] dev DEV',
    grammar: VNI_ENTRY,
    plan: (words) => ({ requests: parseVniDel(words).map((args) => ask('vni del', args)) }),
  },
  'show|lst|list': { form: VNI_SHOW.form(), grammar: VNI_SHOW, plan: planShow },
};
