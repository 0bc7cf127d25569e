# What a TAP cannot do, said to a port of a bridge: it is refused in a sentence, with the exit status of the real tools,
# and what the bridge does by itself stays possible.
#
#   vx0, VNI 10, port of br0
. "$(dirname "$0")/lib.sh"
ends 0 ip link add vx0 type vxlan id 10 dstport 4789
ip link add br0 type bridge
ip link set vx0 master br0 up
ip link set br0 up

# in its own table of groups there is nothing without a destination; the bridge's own has no need of one
ends 255 bridge mdb add dev vx0 port vx0 grp 239.1.1.1 permanent
ends 0 bridge mdb add dev br0 port vx0 grp 239.1.1.1 permanent
shows 1 eval 'bridge mdb show dev br0 | grep -c "port vx0 grp 239.1.1.1 permanent"'
ends 0 bridge mdb del dev br0 port vx0 grp 239.1.1.1 permanent
ends 255 bridge vlan add dev vx0 vid 10 tunnel_info id 10
for flag in learning flood neigh_suppress isolated hairpin mcast_flood; do
  ends 0 bridge link set dev vx0 $flag on
done
ends 0 bridge link set dev vx0 vlan_tunnel off
if ours; then
  says groups 255 bridge mdb add dev vx0 port vx0 grp 239.1.1.1 permanent dst 192.0.2.2
  says metadata 255 bridge vlan add dev vx0 vid 10 tunnel_info id 10
  says metadata 255 bridge link set dev vx0 vlan_tunnel on
fi
ends 255 bridge fdb add 02:00:00:00:00:01 dev vx0 nhid 7
