# The default destinations while `remote` and `group` are changed: those appended by hand stay, the one that the link was
# made with is replaced, and a multicast group is joined and left with it.
#
#   [ vx0, vx1, vx2 ] eth0 192.0.2.1 ──── nobody
. "$(dirname "$0")/lib.sh"

ip link add eth0 type veth peer name eth1
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip link set eth1 up

defaults() { bridge fdb show dev "$1" | grep ^00: | sed 's/.* dst //; s/ self permanent//; s/ $//' | sort | paste -sd,; }
joined() { ip maddress show dev eth0 | grep -o '239[0-9.]*' | sort | paste -sd,; }

ends 0 ip link add vx0 up type vxlan id 2000 dstport 4789
ends 0 bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.20 self permanent
ends 0 bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.30 self permanent
shows '192.0.2.20,192.0.2.30' defaults vx0
ends 0 ip link set vx0 type vxlan remote 192.0.2.30
shows '192.0.2.20,192.0.2.30' defaults vx0
ends 0 ip link set vx0 type vxlan remote 192.0.2.40
shows '192.0.2.20,192.0.2.40' defaults vx0

ends 0 ip link add vx1 up type vxlan id 2001 dstport 4789 group 239.1.1.1 dev eth0
shows '239.1.1.1 via eth0' defaults vx1
becomes 239.1.1.1 joined
ends 0 ip link set vx1 type vxlan group 239.1.1.2 dev eth0
shows '239.1.1.2 via eth0' defaults vx1
becomes 239.1.1.2 joined
ends 0 ip link set vx1 type vxlan remote 192.0.2.5
shows '192.0.2.5 via eth0' defaults vx1
becomes '' joined
ends 0 ip link set vx1 type vxlan group 239.1.1.3 dev eth0
becomes 239.1.1.3 joined
ends 0 ip link set vx1 down
becomes '' joined
ends 0 ip link set vx1 up
becomes 239.1.1.3 joined

# a second link of that group keeps it joined when the first one goes
ends 0 ip link add vx2 up type vxlan id 2002 dstport 4789 group 239.1.1.3 dev eth0
ends 0 ip link del vx1
becomes 239.1.1.3 joined
ends 0 ip link del vx2
becomes '' joined

# a default destination is there once, and one that is not there is not missed
ends 0 bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.20
shows '192.0.2.20,192.0.2.40' defaults vx0
ends 255 bridge fdb add 00:00:00:00:00:00 dev vx0 dst 192.0.2.50
ends 255 bridge fdb append 00:00:00:00:00:00 dev vx0 dst 2001:db8::1
ends 0 bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.20
ends 0 bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.99
ends 0 bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.40
shows '' defaults vx0
ends 255 bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.40
ends 0 ip link set vx0 type vxlan remote 192.0.2.60
shows '192.0.2.60' defaults vx0
