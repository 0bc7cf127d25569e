# A way that carries less than the tunnel's device: the hosts behind it learn of it, and their packets arrive.
# Words: FAMILY of the underlay
#
#   a [ vx0 10.1.1.1, fd00::1 ] ── eth0 router eth1, MTU 1400 ── b [ vx0 10.1.1.2, fd00::2 ]
. "$(dirname "$0")/lib.sh"
family=$1
case $family in
  4) bits=24 over=50 df="df set" ;;
  6) bits=64 over=70 ;;
esac
of() { [ "$family" = 4 ] && echo "10.9.$1.$2" || echo "2001:db8:$1::$2"; }

host a b router
ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
n=1
for each in a b; do
  cable $each eth0 "$(of $n 2)/$bits" router to-$each "$(of $n 1)/$bits"
  ip -$family -n $each route add default via "$(of $n 1)"
  ends 0 on $each ip link add vx0 type vxlan id 1 dstport 4789 local "$(of $n 2)" remote "$(of $((3 - n)) 2)" ttl 64 ${df-} dev eth0
  ip -n $each address add 10.1.1.$n/24 dev vx0
  ip -n $each address add fd00::$n/64 dev vx0
  ip -n $each link set vx0 up
  n=$((n + 1))
done
shows "mtu $((1500 - over))" eval 'on a ip link show vx0 | grep -o "mtu [0-9]*"'
pings a 10.1.1.2
pings a fd00::2

# who sends more than the way carries is told of the way as it is, and not as it was a moment ago: that would stay
for each in "b 4000" "a 5000"; do
  set -- $each
  ip -n router link set "to-$1" mtu "$2"
  ip -n "$1" link set eth0 mtu "$2"
  on "$1" ip link set vx0 mtu $(($2 - over))
done
for to in 10.1.1.2 fd00::2; do
  becomes '1 received' eval "ip netns exec a ping -q -c 1 -W 0.2 -M want -s 4500 $to | grep -o '1 received'"
  shows "mtu $((4000 - over))" eval "on a ip route get $to | grep -o 'mtu [0-9]*'"
done

ip -n router link set to-b mtu 1400
ip -n b link set eth0 mtu 1400

# the first ones find out, there and back; then both hosts know, and cut what may be cut
for to in 10.1.1.2 fd00::2; do
  becomes '1 received' eval "ip netns exec a ping -q -c 1 -W 0.2 -M want -s 1400 $to | grep -o '1 received'"
  pings a -M want -s 1400 $to
  becomes "mtu $((1400 - over))" eval "on a ip route get $to | grep -o 'mtu [0-9]*'"
done
