# Two networks over two leaves, routed where the host is (asymmetric), and by a VNI of its own for routing (symmetric).
# Each leaf answers for the gateway with the same address, and for what it knows to be elsewhere.
#
#   h1 10.1.1.11 ── br10 ┐                        ┌ br10 ── h3 10.1.1.12
#   h2 10.1.2.11 ── br20 ┴ a 192.0.2.1 ── 192.0.2.2 b ┴ br20 ── h4 10.1.2.12
#                             VNIs 10, 20 and 4001
. "$(dirname "$0")/lib.sh"
host h1 h2 h3 h4 a b
cable a eth0 192.0.2.1/24 b eth0 192.0.2.2/24
gateway=02:00:00:00:00:fe

leaf() {
  local local=$2 remote=$3
  ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv6.conf.default.disable_ipv6=1
  for vni in 10 20 4001; do
    ip -n "$1" link add br$vni type bridge mcast_snooping 0
    ends 0 on "$1" ip link add vx$vni type vxlan id $vni dstport 4789 local "$local" nolearning noudpcsum
    ip -n "$1" link set vx$vni master br$vni up
  done
  ip netns exec "$1" bridge link set dev vx10 neigh_suppress on learning off
  ip netns exec "$1" bridge link set dev vx20 neigh_suppress on learning off
  for net in 1 2; do
    ip -n "$1" link set br${net}0 address $gateway
    ip -n "$1" address add 10.1.$net.1/24 dev br${net}0
  done
  for each in br10 br20 br4001; do ip -n "$1" link set $each up; done
}
leaf a 192.0.2.1 192.0.2.2
leaf b 192.0.2.2 192.0.2.1

# inside HOST LEAF NETWORK LAST
inside() {
  cable "$1" eth0 "10.1.$3.$4/24" "$2" "$1" -
  ip -n "$1" link set eth0 address "02:00:00:00:0$3:$4"
  ip -n "$1" route add default via "10.1.$3.1"
  ip -n "$2" link set "$1" master "br${3}0"
}
inside h1 a 1 11
inside h2 a 2 11
inside h3 b 1 12
inside h4 b 2 12

# what a control plane would say: where each host is, and its neighbour entry
tell() {
  all on "$1" bridge <<END
fdb add 02:00:00:00:01:$3 dev vx10 dst $2 self static extern_learn
fdb add 02:00:00:00:01:$3 dev vx10 master static extern_learn
fdb add 02:00:00:00:02:$3 dev vx20 dst $2 self static extern_learn
fdb add 02:00:00:00:02:$3 dev vx20 master static extern_learn
END
  all ip -n "$1" <<END
neigh replace 10.1.1.$3 lladdr 02:00:00:00:01:$3 nud noarp dev br10 extern_learn
neigh replace 10.1.2.$3 lladdr 02:00:00:00:02:$3 nud noarp dev br20 extern_learn
END
}
tell a 192.0.2.2 12
tell b 192.0.2.1 11
for each in a b; do
  for vni in 10 20 4001; do echo "$each$vni udp dport 4789 @th,96,24 $vni"; done | counts $each eth0
done

pings h1 10.1.1.12
counted 'a10=2 b10=2' a b
pings h1 10.1.1.1
pings h1 10.1.2.11
counted '' a b
# there by the VNI of the host that is asked, back by that of the one that asked
pings h1 10.1.2.12
counted 'a10=2 b20=2' a b
pings h4 10.1.1.11
counted 'a10=2 b20=2' a b

# by the VNI for routing, to the other leaf's router
router_of() { on "$1" cat /sys/class/net/br4001/address; }
to_router() {
  ends 0 ip -n "$1" neigh replace "$3" lladdr "$(router_of "$2")" nud permanent dev br4001
  ends 0 on "$1" bridge fdb add "$(router_of "$2")" dev vx4001 dst "$3" self static
  for net in 1 2; do ends 0 ip -n "$1" route add 10.1.$net.$4/32 via "$3" dev br4001 onlink; done
}
to_router a b 192.0.2.2 12
to_router b a 192.0.2.1 11
pings h1 10.1.2.12
counted 'a4001=2 b4001=2' a b
pings h4 10.1.1.11
counted 'a4001=2 b4001=2' a b
