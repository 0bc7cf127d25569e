# Bits of the header that stand for nothing: a datagram with one of them is dropped, and an error of the device; so is one
# whose mark the inner packet cannot carry. Others are dropped and no error.
#
#   [ vx0, VNI 66 ] eth0 192.0.2.1 ──── eth0 192.0.2.2 [ far ]
. "$(dirname "$0")/lib.sh"
host here far
cable here eth0 192.0.2.1/24 far eth0 192.0.2.2/24
ip netns exec here sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ends 0 on here ip link add vx0 type vxlan id 66 dstport 4789
ip -n here link set vx0 address 02:00:00:00:00:aa up
count here vx0 came 'ether daddr 02:00:00:00:00:aa'

inner="0200000000aa0200000000bb88b5$(printf '%092d' 0)"
for bit in $(seq 0 63); do
  case $bit in 4 | 3[2-9] | 4[0-9] | 5[0-5]) continue ;; esac # the flag of the VNI, and the VNI
  packets="${packets-} $(printf '%016x' $((0x0800000000004200 ^ (1 << (63 - bit)))))$inner"
done
datagram far 192.0.2.1 4789 0 64 $packets "0800000000004200$inner"
counted 'came=1' here
# no VNI, another one, too short; the device's own address, a group's; a mark that the inner packet cannot carry
datagram far 192.0.2.1 4789 0 64 "0000000000004200$inner" "0800000000004300$inner" 0800000000004200 08 \
  "0800000000004200$(echo "$inner" | sed s/0200000000bb88b5/0200000000aa88b5/)" \
  "0800000000004200$(echo "$inner" | sed s/0200000000bb88b5/03000000000288b5/)" "0800000000004200$inner"
counted 'came=1' here
datagram far 192.0.2.1 4789 3 64 "08000000000042000200000000aa0200000000020800$(packet 0 9)" "0800000000004200$inner"
counted 'came=1' here
# bytes are those of what is in the frames
on here bridge fdb add 02:00:00:00:00:bb dev vx0 dst 192.0.2.2
send here vx0 "0200000000bb0200000000aa88b5$(printf '%092d' 0)" 2
becomes '[[138,3,40],[92,2,0]]' \
  eval 'on here ip -s -j link show vx0 | jq -c "[.[].stats64 | .rx, .tx | [.bytes, .packets, .errors]]"'
shows '138 3 40,92 2 0' \
  eval 'on here ip -s link show vx0 | sed -n "/[RT]X:/{n;p}" | sed "s/  */ /g; s/^ //" | cut -d " " -f 1-3 | paste -sd,'

# which bits these are, where the tool knows the word: of the others none costs a datagram
if ours || ip link help vxlan 2>&1 | grep -q reserved_bits; then
  for one in 0x77ffffff000000ff=2 0xf7dfffff000000ff=2 0xf7ffffff0000007e=3 0xf7ffffff000000ff=1 0=40; do
    ends 0 on here ip link del vx0
    ends 0 on here ip link add vx0 type vxlan id 66 dstport 4789 reserved_bits ${one%=*}
    ip -n here link set vx0 address 02:00:00:00:00:aa up
    datagram far 192.0.2.1 4789 0 64 $packets "0800000000004200$inner"
    counted "came=${one#*=}" here
    becomes $((40 - ${one#*=})) eval 'on here ip -s -j link show vx0 | jq .[].stats64.rx.errors'
  done
  ends 2 on here ip link set vx0 type vxlan reserved_bits 0xf7ffffff000000ff
  for used in 0xffffffff000000ff 0xf7ffffff000001ff; do
    ends 2 on here ip link add vx1 type vxlan id 67 dstport 4789 reserved_bits $used
  done
fi
