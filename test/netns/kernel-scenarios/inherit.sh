# TOS and TTL that the outer header has: given, or the inner packet's, whatever it carries and behind a VLAN tag too.
#
#   [ vx1 ... vx4 ] eth0 192.0.2.1, 2001:db8::1 ──── eth0 192.0.2.2, 2001:db8::2 [ far ]: what arrives is decoded
. "$(dirname "$0")/lib.sh"
host here far
cable here eth0 192.0.2.1/24 far eth0 192.0.2.2/24
ip -n here address add 2001:db8::1/64 dev eth0
ip -n far address add 2001:db8::2/64 dev eth0
# the devices say nothing of their own
ip netns exec here sysctl -qw net.ipv6.conf.default.disable_ipv6=1

ends 0 on here ip link add vx1 type vxlan id 1 dstport 4789 remote 192.0.2.2 ttl inherit tos inherit
ends 0 on here ip link add vx2 type vxlan id 2 dstport 4789 remote 192.0.2.2 ttl 37 tos 0x48
ends 0 on here ip link add vx3 type vxlan id 3 dstport 4789 remote 2001:db8::2 ttl inherit tos inherit
ends 0 on here ip link add vx4 type vxlan id 4 dstport 4789 remote 2001:db8::2 ttl 37 tos 0x48

ip netns exec far tcpdump -Z root -U -i eth0 -c 20 -w /run/seen udp port 4789 2>/run/tcpdump &
becomes 1 grep -c listening /run/tcpdump
macs=02000000000f020000000001
v4=08004548001c000100006311bf6c0a0101030a0101010001000900080000
v6=86dd64a000000008113dfd000000000000000000000000000001fd0000000000000000000000000000020001000900080000
pad=$(printf '%060d' 0)
for each in vx1 vx2 vx3 vx4; do
  ip -n here link set $each up
  for packet in $v4 $v6 81000005$v4 81000005$v6 08060001080006040001; do send here $each "$macs$packet$pad"; done
done
wait

# VNI, TOS or traffic class, TTL or hop limit: of IPv4, IPv6, both behind a tag, and ARP
outer() {
  tshark -r /run/seen -T fields -E occurrence=f -e vxlan.vni -e "$1" -e "$2" -Y "$3" 2>/dev/null | tr '\t' ' ' | sort | uniq -c | sed 's/^ *//'
}
shows '1 1 0x00 64
2 1 0x48 99
2 1 0x4a 61
3 2 0x48 37
2 2 0x4a 37' outer ip.dsfield ip.ttl 'vxlan && ip.dst == 192.0.2.2'
shows '1 3 0x00000000 64
2 3 0x00000048 99
2 3 0x0000004a 61
3 4 0x00000048 37
2 4 0x0000004a 37' outer ipv6.tclass ipv6.hlim 'vxlan && ipv6.dst == 2001:db8::2'
