# `bridge fdb flush` by each of its words: what goes, and what stays.
#
#   vx0, VNI 10, and br0 that it is a port of; eth0 192.0.2.1 ──── nobody
. "$(dirname "$0")/lib.sh"
ip link add eth0 type veth peer name eth1
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip link set eth1 up
ends 0 ip link add vx0 type vxlan id 10 dstport 4789 remote 192.0.2.2
# without a bridge there is no table of one: that half of what is asked for is passed over
ends 255 bridge fdb add 02:00:00:00:00:01 dev vx0 master
for verb in add replace del; do ends 0 bridge fdb $verb 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 self master; done
ends 255 bridge fdb del 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 self master
ip link add br0 type bridge
ip link set vx0 master br0 up

# of one of each kind, named by the last digits of its address, what a flush leaves
flushed() {
  local want=$1
  shift
  all bridge <<END
fdb flush dev vx0 self
fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.3 self
fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 self permanent
fdb add 02:00:00:00:00:02 dev vx0 dst 192.0.2.2 self static
fdb add 02:00:00:00:00:03 dev vx0 dst 192.0.2.3 self dynamic
fdb add 02:00:00:00:00:04 dev vx0 dst 192.0.2.3 port 4790 self static
fdb add 02:00:00:00:00:05 dev vx0 dst 192.0.2.3 vni 11 self dynamic extern_learn
fdb add 02:00:00:00:00:06 dev vx0 dst 192.0.2.2 self permanent router
fdb flush dev vx0 $*
END
  shows "$want" left
}
left() { bridge fdb show dev vx0 | grep -E '^0[02]:00:00:00' | cut -c16-17 | sort -u | paste -sd' '; }

ends 0 bridge fdb add 02:00:00:00:00:07 dev vx0 master static
# the default destination that the link was made with, too; what the bridge has stays
shows '00 07' left
# with a bridge both have one
ends 0 bridge fdb add 02:00:00:00:00:08 dev vx0 dst 192.0.2.2 self master static
shows 2 eval 'bridge fdb show dev vx0 | grep -c ^02:00:00:00:00:08'
ends 0 bridge fdb del 02:00:00:00:00:08 dev vx0 dst 192.0.2.2 self master
flushed '07'
ends 0 ip link set vx0 type vxlan remote 192.0.2.9
shows '00 07' left
flushed '02 03 04 05 07' self permanent
flushed '00 01 06 07' self nopermanent
flushed '00 01 03 05 06 07' self static
flushed '00 01 02 04 06 07' self dynamic
flushed '00 01 02 03 04 06 07' self extern_learn
flushed '05 07' noextern_learn
flushed '00 01 05 06 07' self nopermanent noextern_learn
ends 0 bridge fdb flush dev vx0 master static
shows '00 01 05 06' left
if ours; then
  # no entry here has a next hop group, which is no mistake
  ends 0 bridge fdb flush dev vx0 nhid 7
  shows '00 01 05 06' left
fi
ends 255 bridge fdb flush dev vx0 vlan 5
ends 255 bridge fdb flush dev vx0 brport vx0
ends 255 bridge fdb flush dev vx0 added_by_user
ends 255 bridge fdb flush dev nope
ends 255 bridge fdb flush
