/** By what it is known, by any later process too, that something of this host was made for a flannel network of ours. */

/** Of routes, neighbours and addresses: of the kernel's numbers for programs one that nobody has (`/etc/iproute2/rt_protos`). */
export const PROTOCOL = 118;

/** The alias of interfaces, and the name of our table of rules. */
export const MARK = 'vtep-flannel';
