# A bridge answers for what is known to be elsewhere (neigh_suppress), and the tunnel's own proxy does; what is not known
# goes through the tunnel from the one, and nowhere from the other.
#
#   h1 10.1.1.1 ── br0+vx0 of a 192.0.2.1 ──── 192.0.2.2 b, whose br0 has vx0 and ── h2 10.1.1.2
. "$(dirname "$0")/lib.sh"
host h1 h2 a b
cable a eth0 192.0.2.1/24 b eth0 192.0.2.2/24
for each in a b; do
  ip -n $each link add br0 type bridge mcast_snooping 0
  ip -n $each link set br0 up
done
ends 0 on a ip link add vx0 type vxlan id 10 dstport 4789 local 192.0.2.1 remote 192.0.2.2
ends 0 on b ip link add vx0 type vxlan id 10 dstport 4789 local 192.0.2.2 remote 192.0.2.1
cable h1 eth0 10.1.1.1/24 a h1 -
cable h2 eth0 10.1.1.2/24 b h2 -
for each in "a h1" "b h2"; do
  set -- $each
  ip -n $1 link set $2 master br0
  ip -n $1 link set vx0 master br0 up
done
ip -n h2 link set eth0 address 02:00:00:00:00:02
ip -n a address add 10.1.1.254/24 dev br0
count b eth0 asked 'udp dport 4789 @th,224,16 0x0806 @th,288,16 0x0001'

# asks HOW MANY: h1 asks for h2, HOW MANY of its questions are to go through the tunnel
asks() {
  ip -n h1 neigh flush dev eth0
  ends "$2" ip netns exec h1 ping -q -c 1 -W 1 "$3"
  counted "$1" b
}
asks 'asked=1' 0 10.1.1.2
ends 0 on a bridge link set dev vx0 neigh_suppress on
shows 1 eval 'on a bridge -d link show dev vx0 | grep -c "neigh_suppress on"'
# not known yet
asks 'asked=1' 0 10.1.1.2
ends 0 on a ip neigh replace 10.1.1.2 lladdr 02:00:00:00:00:02 nud permanent dev br0
ends 0 on a bridge fdb replace 02:00:00:00:00:02 dev vx0 master static
asks '' 0 10.1.1.2
ends 0 on a bridge link set dev vx0 neigh_suppress off
asks 'asked=1' 0 10.1.1.2

# the same by the tunnel itself
on a ip neigh del 10.1.1.2 dev br0
ip -n a link set vx0 nomaster
ends 0 on a ip link del vx0
ends 0 on a ip link add vx0 type vxlan id 10 dstport 4789 local 192.0.2.1 remote 192.0.2.2 proxy
ip -n a link set vx0 master br0 up
ends 0 on a ip neigh replace 10.1.1.2 lladdr 02:00:00:00:00:02 nud permanent dev vx0
asks '' 0 10.1.1.2
ends 0 on a ip neigh del 10.1.1.2 dev vx0
asks '' 1 10.1.1.2
