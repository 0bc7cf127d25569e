# A link of a group is made, and a device of a VLAN could lie on it; then each attribute is changed as it runs. The
# kernel takes some and refuses the rest, and a link keeps what it had where it is refused.
#
#   [ vx0 10.2.11.49 ] eth0 192.0.2.1 ──── nobody
. "$(dirname "$0")/lib.sh"

ip link add eth0 type veth peer name eth1
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip link set eth1 up

ends 0 ip link add vx0 type vxlan id 42 group 239.1.1.1 dev eth0 dstport 4789
ends 0 ip address add 10.2.11.49/24 dev vx0
ends 0 ip link set up dev vx0

data() { ip -d -j link show vx0 | jq -c '.[].linkinfo.info_data'; }
made='{"id":42,"group":"239.1.1.1","link":"eth0","port_range":{"low":0,"high":0},"port":4789,"learning":true,"ttl":0,"df":"unset","ageing":300,"udp_csum":true,"udp_zero_csum6_tx":false,"udp_zero_csum6_rx":false}'
shows "$made" data

of_vx0() { sed 's/^/link set dev vx0 type vxlan /'; }
none ip < <(of_vx0 <<'END'
vni 43
group ff05::5 dev eth0
group 239.1.1.2
ttl inherit
flowlabel 5
proxy
noproxy
rsc
norsc
l2miss
nol2miss
l3miss
nol3miss
external
noexternal
vnifilter
udpcsum
noudpcsum
udp6zerocsumtx
noudp6zerocsumtx
udp6zerocsumrx
remcsumtx
remcsumrx
gbp
gpe
maxaddress 200
maxaddress 0
dstport 4789
dstport 1
srcport 1 2
nonsense
END
)
ends 1 ip link set dev vx0 type vxlan group 239.1.1.2
ends 2 ip link set dev vx0 type vxlan udpcsum
ends 2 ip link set dev vx0 type vxlan gbp
shows "$made" data

all ip < <(of_vx0 <<'END'
vni 42
remote 192.0.2.9
local 192.0.2.1
ttl 64
ttl auto
tos 10
tos inherit
dev eth0
df set
learning
nolearning
ageing 20
srcport 0 0
END
)
shows "${made/\"group\":\"239.1.1.1\",/\"remote\":\"192.0.2.9\",\"local\":\"192.0.2.1\",}" \
  eval 'data | sed "s/\"learning\":false/\"learning\":true/; s/\"tos\":\"0x1\",//; s/\"df\":\"set\"/\"df\":\"unset\"/; s/:20,/:300,/"'
shows '{"tos":"0x1","df":"set","learning":false,"ageing":20}' eval 'data | jq -c "{tos, df, learning, ageing}"'

ends 0 ip link del vx0
ends 1 ip link show vx0

# what cannot be made
ends 255 ip link add vx0 type vxlan id 1 dev nope dstport 4789
ends 255 ip link add vx0 type vxlan id 16777216 dstport 4789
ends 1 ip link add vx0 type vxlan dstport 4789
ends 1 ip link add vx0 type vxlan id 1 group 239.1.1.1 dstport 4789
ends 2 ip link add vx0 type vxlan id 1 flowlabel 5 remote 192.0.2.2 dstport 4789
none ip <<'END'
link add vx0 type vxlan dstport 4789 id 1 remote 192.0.2.2 group 239.1.1.1 dev eth0
link add vx0 type vxlan dstport 4789 id 1 vnifilter
link add vx0 type vxlan dstport 4789 id 1 external
link add vx0 type vxlan dstport 4789 id 1 nonsense
END
ends 0 ip link replace vx0 type vxlan id 1 remote 0.0.0.0 dstport 4789
ends 2 ip link replace vx0 type vxlan id 1 dstport 4789
ends 2 ip link add vx1 type vxlan id 1 dstport 4789
shows 1 eval 'ip -d link show type vxlan | grep -c "vxlan id 1 srcport 0 0 dstport 4789 ttl auto ageing 300 udpcsum"'

# what a TAP cannot do is refused as by a kernel that lacks it, and nothing is left behind
if ours; then
  none ip <<'END'
link add vx3 type vxlan dstport 4790 id 3 gpe
link add vx3 type vxlan dstport 4790 id 3 remcsumtx
link add vx3 type vxlan dstport 4790 id 3 remcsumrx
END
  says metadata 2 ip link add vx3 type vxlan external dstport 4790
  says metadata 2 ip link add vx3 type vxlan id 3 gbp dstport 4790
fi
shows 1 eval 'ip -br link show type vxlan | wc -l'

# `localbypass` is shown as by the real tool, where that one is new enough to know the word
if ours; then
  cat >/run/ip <<END
#!/bin/sh
[ "\$*" = 'link help vxlan' ] && exec echo '[ [no]localbypass ]'
exec $(PATH=$REAL_PATH command -v ip) "\$@"
END
  chmod +x /run/ip
  bypass() { PATH=$1:$REAL_PATH $VTEP exec -- ip -d -j link show vx0 | jq -c '.[].linkinfo.info_data.localbypass'; }
  shows null bypass /nowhere
  shows true bypass /run
  ends 0 ip link set vx0 type vxlan nolocalbypass
  shows false bypass /run
fi

# the device that datagrams leave by gets another name, and stays the same
ends 0 ip link add vx4 type vxlan id 4 group 239.1.1.4 dev eth0 dstport 4789
ends 0 ip link set vx4 up
ip link set eth0 down
ip link set eth0 name eth9
ip link set eth9 up
becomes '"eth9"' eval 'ip -d -j link show vx4 | jq -c ".[].linkinfo.info_data.link"'
ends 0 ip link set vx4 type vxlan ttl 5
shows '00:00:00:00:00:00 dst 239.1.1.4 via eth9 self permanent' eval 'bridge fdb show dev vx4 | sed "s/ $//"'
ends 0 ip link set vx4 down
ends 0 ip link set vx4 up
becomes 1 eval 'ip maddress show dev eth9 | grep -c 239.1.1.4'
