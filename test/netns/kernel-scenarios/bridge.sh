# A tunnel as a port of a bridge: flooding, entries, learning, ageing, the outer TTL and TOS, congestion marks.
# Words: FAMILY PORT
#
#   h1 10.1.1.1 ──┐                                                       ┌── h3 10.1.1.3
#   h2 10.1.1.2 ──┴ br0+vx0 of a ── router ──┬── b, whose br0 has vx0 and ┘
#                                            └── c, whose br0 has vx0 and ──── h4 10.1.1.4
. "$(dirname "$0")/lib.sh"
family=$1 port=$2
case $family in
  4) of() { echo "10.9.$1.$2"; } ;;
  6) of() { echo "2001:db8:$1::$2"; } ;;
esac
case $family in 4) bits=24 ip=ip ttl='ip ttl' ;; 6) bits=64 ip=ip6 ttl='ip6 hoplimit' ;; esac
A=$(of 1 2) B=$(of 2 2) C=$(of 3 2)

host h1 h2 h3 h4 a b c router
ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
tunnel() {
  cable "$1" eth0 "$(of "$2" 2)/$bits" router "to-$1" "$(of "$2" 1)/$bits"
  ip -$family -n "$1" route add default via "$(of "$2" 1)"
  ip -n "$1" link add br0 type bridge mcast_snooping 0
  ip -n "$1" link set br0 up
  ends 0 on "$1" ip link add vx0 type vxlan id 1000 local "$(of "$2" 2)" dstport "$port" $3
  ends 0 on "$1" ip link set vx0 master br0 up
}
tunnel a 1 'ttl 100 tos inherit noudpcsum udp6zerocsumrx'
tunnel b 2 'noudpcsum udp6zerocsumrx'
tunnel c 3 'udp6zerocsumrx'
inside() {
  cable "$1" eth0 "10.1.1.$3/24" "$2" "$1" -
  ip -n "$1" link set eth0 address "02:00:00:00:00:0$3"
  ip -n "$2" link set "$1" master br0
}
inside h1 a 1
inside h2 a 2
inside h3 b 3
inside h4 c 4

all='00:00:00:00:00:00'
for each in "a $B $C" "b $A $C" "c $A $B"; do
  set -- $each
  for to in $2 $3; do ends 0 on $1 bridge fdb append $all dev vx0 dst $to self; done
done
shows "$all dst $B self permanent
$all dst $C self permanent" entries a $all vx0

pings h1 10.1.1.2
pings h1 10.1.1.3
pings h1 10.1.1.4
pings h3 10.1.1.4

echo 'frames go where they should'
X=02:00:00:00:00:33
into() { count "$1" eth0 "$1" "udp dport $port @th,96,24 1000 @th,128,48 0x${X//:/}"; }
into a
into b
into c
count h1 eth0 h1 "ether saddr $X"
count h2 eth0 h2 "ether daddr $X"
count b eth0 ttl "$ttl 99 udp dport $port @th,128,48 0x${X//:/}"
to_x="$X 020000000001 88b5 $(printf '%092d' 0)"
from_x="020000000001 $X 88b5 $(printf '%092d' 0)"
send h1 eth0 "$to_x" 10
counted 'b=10 c=10 h2=10 ttl=10' a b c h2

ends 0 on a bridge fdb add $X dev vx0 dst $C self static
ends 0 on a bridge fdb add $X dev vx0 master static
shows "$X dst $C self static
$X master br0 static" entries a $X vx0
send h1 eth0 "$to_x" 10
counted 'c=10' a b c h2
ends 0 on a bridge fdb del $X dev vx0 self
send h1 eth0 "$to_x" 10
counted 'b=10 c=10 ttl=10' a b c h2
ends 0 on a bridge fdb del $X dev vx0 master
ends 0 on a bridge fdb add $X dev h2 master static
send h1 eth0 "$to_x" 10
counted 'h2=10' a b c h2
ends 0 on a bridge fdb del $X dev h2 master

echo 'addresses are learned, move and age'
send h3 eth0 "$from_x"
counted 'h1=1' h1
becomes "$X dst $B self
$X master br0" entries a $X vx0
send h1 eth0 "$to_x" 10
counted 'b=10 ttl=10' b c h2
send h4 eth0 "$from_x"
counted 'h1=1' h1
becomes "$X dst $C self
$X master br0" entries a $X vx0
ends 0 on a ip link set vx0 type vxlan ageing 1
becomes "$X master br0" entries a $X vx0
send h1 eth0 "$to_x" 10
counted 'b=10 c=10 ttl=10' b c h2
ends 0 on a ip link set vx0 type vxlan nolearning
send h3 eth0 "$from_x"
counted 'h1=1' h1
shows "$X master br0" entries a $X vx0

echo 'the outer header'
ends 0 on a ip link set vx0 type vxlan ttl 50
count b eth0 ttl49 "$ttl 49 udp dport $port @th,224,16 0x0800"
pings h1 10.1.1.3
counted 'ttl49=2' b
tos() { echo "$1 dscp $(($2 >> 2)) $1 ecn $(($2 & 3))"; }
for tos in 0x00 0x01 0x02 0x40; do echo "out$tos $(tos $ip $tos) udp dport $port @th,224,16 0x0800"; done | counts b eth0
for tos in 0x00 0x01 0x02 0x03 0x40; do echo "in$tos $(tos ip $tos) icmp type echo-request"; done | counts h3 eth0
for tos in 0x00 0x01 0x02 0x03 0x40; do pings h1 -Q $tos 10.1.1.3; done
counted 'in0x00=2 in0x01=2 in0x02=2 in0x03=2 in0x40=2 out0x00=2 out0x01=2 out0x02=4 out0x40=2 ttl49=10' b h3

echo 'congestion marks come out as RFC 6040 says'
header="08000000 0003e800 020000000001 020000000003 0800"
for outer in 0 1 2 3; do
  for inner in 0 1 2 3; do echo "mark$outer$inner ip ecn $inner udp dport 900$outer"; done
done | counts h1 eth0
for outer in 0 1 2 3; do
  packets=
  for inner in 0 1 2 3; do
    packets="$packets $(echo "$header$(packet $inner 900$outer)" | tr -d ' ')"
  done
  datagram b "$A" "$port" $outer 64 $packets
done
counted 'mark00=1 mark01=1 mark02=1 mark03=1 mark10=1 mark11=2 mark13=1 mark20=1 mark21=1 mark22=1 mark23=1 mark33=3' h1
