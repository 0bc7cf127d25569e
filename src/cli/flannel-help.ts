/** `vtep flannel --help`, and of each verb. */

import { FLANNEL_WORDS, type FlannelVerb, flannelForm } from './flannel-words.ts';
import { wrapped } from './grammar.ts';

const ABOUT: Record<FlannelVerb, string> = {
  '': `A node of a flannel network (backend vxlan), whose nodes find each other in etcd: it takes a subnet, and programs a
neighbour, a forwarding entry and a route for each of the others. It waits for etcd and for the network's config.
SIGINT, SIGTERM and SIGHUP end it and leave all in place, so that traffic goes on; \`vtep flannel leave\` takes it down.

Options are written -opt V, --opt V or --opt=V, or come from the environment as flanneld has them, such as
FLANNELD_ETCD_ENDPOINTS; the command line wins. A password is best there or in a file, as anybody may see words in \`ps\`.
Without --iface it is the interface of the default route. By default etcd is at http://127.0.0.1:2379, the prefix
is /coreos.com/network, the state lies in /var/lib/vtep/flannel, and the subnet file is /run/flannel/subnet.env.
`,
  init: `Writes the network's config to etcd, once for all nodes; one that is there is kept unless --force is said.
  vtep flannel init --network 10.5.0.0/16 --port 8472
`,
  status: `What the node of this state folder knows: its lease, its peers, and what is programmed against what should be.
`,
  leave: `Gives the lease back and takes down what the node made, whether its process runs or not.
`,
};

export function flannelHelp(verb = ''): string {
  const known = (Object.hasOwn(FLANNEL_WORDS, verb) ? verb : '') as FlannelVerb;
  const more = known === '' ? '\nvtep flannel init|status|leave --help tells of these.\n' : '';
  return `${wrapped(flannelForm(known))}\n\n${ABOUT[known]}${more}`;
}
