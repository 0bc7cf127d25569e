# A device of many VNIs: which it takes, which clash, what is shown of them, and what is counted of each.
#
#   vx0: external vnifilter, VNIs 100-103 ── 192.0.2.1 eth0 ──── eth0 192.0.2.2 of far, datagrams made by hand
. "$(dirname "$0")/lib.sh"
host here far
cable here eth0 192.0.2.1/24 far eth0 192.0.2.2/24
bridge() { on here bridge "$@"; }
ip_() { on here ip "$@"; }

ends 1 ip_ link add vx0 type vxlan id 5 vnifilter dstport 4789
ends 0 ip_ link add vx0 type vxlan external vnifilter dstport 4789 local 192.0.2.1
ends 0 ip_ link set vx0 up
shows '{"external":true,"vnifilter":true,"id":0,"local":"192.0.2.1","port_range":{"low":0,"high":0},"port":4789,"learning":false,"ttl":0,"df":"unset","ageing":300,"udp_csum":true,"udp_zero_csum6_tx":false,"udp_zero_csum6_rx":false}' \
  eval 'ip_ -d -j link show vx0 | jq -c .[].linkinfo.info_data'
ends 0 ip_ link add vx1 type vxlan external vnifilter dstport 4790
ends 0 ip_ link add vx2 type vxlan id 5 dstport 4791
all bridge <<'END'
vni add dev vx0 vni 100
vni add dev vx0 vni 101-103 remote 192.0.2.2
vni add dev vx0 vni 100
vni add dev vx1 vni 100
END
none bridge <<'END'
vni add dev vx2 vni 6
vni add dev eth0 vni 6
vni delete dev vx0 vni 104
END
ends 255 bridge vni add dev vx0 vni 104 group 239.1.1.1
ends 255 bridge vni add dev vx0 vni 104 remote 192.0.2.2 group 239.1.1.1
ends 255 bridge vni add dev vx0
ends 1 bridge vni show dev vx2
ends 2 ip_ link set vx0 type vxlan novnifilter

shows 'dev               vni              group/remote
vx0                100
                   101-103             192.0.2.2

vx1                100' eval 'bridge vni show | sed "s/ *$//"'
shows '[{"ifname":"vx0","vnis":[{"vni":100},{"vni":101,"vniEnd":103,"remote":"192.0.2.2"}]}]' bridge -j vni show dev vx0
shows '00:00:00:00:00:00 dst 192.0.2.2 vni 101 src_vni 101 self permanent
00:00:00:00:00:00 dst 192.0.2.2 vni 102 src_vni 102 self permanent
00:00:00:00:00:00 dst 192.0.2.2 vni 103 src_vni 103 self permanent' eval 'bridge fdb show dev vx0 | sort'
shows '[101,101] [102,102] [103,103]' \
  eval 'bridge -j fdb show dev vx0 | jq -c ".[] | [.vni, .src_vni]" | sort | paste -sd" "'
ends 0 bridge fdb append 00:00:00:00:00:00 dev vx0 src_vni 103 dst 192.0.2.9
shows '00:00:00:00:00:00 dst 192.0.2.9 src_vni 103 self permanent' \
  eval 'bridge fdb show dev vx0 | grep 192.0.2.9'
ends 0 bridge fdb add 02:00:00:00:00:01 dev vx0 src_vni 102 dst 192.0.2.9
ends 255 bridge fdb add 02:00:00:00:00:01 dev vx0 src_vni 102 dst 192.0.2.9
ends 0 bridge fdb add 02:00:00:00:00:01 dev vx0 src_vni 103 dst 192.0.2.2
# a VNI goes with its default destinations
ends 0 bridge vni delete dev vx0 vni 101-102
shows '[{"ifname":"vx0","vnis":[{"vni":100},{"vni":103,"remote":"192.0.2.2"}]}]' bridge -j vni show dev vx0
shows '2' eval 'bridge fdb show dev vx0 | grep ^00: | grep -c "src_vni 103"'

# which VLAN of the TAP each is, a kernel's script does not say
if ours; then
  ends 0 on here $VTEP vni add dev vx0 vni 100 vlan 100
  ends 0 on here $VTEP vni add dev vx0 vni 103 vlan 103
fi

# a frame for the device's own address counts where its VNI is one of those that it takes
ends 0 ip_ link set vx0 address 02:00:00:00:00:aa
for vni in 64 67 68; do
  datagram far 192.0.2.1 4789 0 64 "080000000000${vni}000200000000aa02000000000288b5$(printf '%092d' 0)"
done
stats() { bridge -s -j vni show dev vx0 | jq -c '.[].vnis | map([.vni, .stats.rx_pkts, .stats.rx_drops, .stats.rx_errors])'; }
becomes '[[100,1,0,0],[103,1,0,0]]' stats
# marked where the inner packet cannot be
datagram far 192.0.2.1 4789 3 64 "08000000000064000200000000aa0200000000020800$(packet 0 9)"
becomes '[[100,1,0,1],[103,1,0,0]]' stats
# bytes of what comes out are without Ethernet headers
shows '                   RX: bytes 46 pkts 1 drops 0 errors 1 
                   TX: bytes 0 pkts 0 drops 0 errors 0 ' eval 'bridge -s vni show dev vx0 | sed -n 3,4p'

# both families, whatever the device's own address is
ends 0 ip_ link set vx1 up
shows '0.0.0.0:4790 [::]:4790' eval 'on here ss -Huln "sport = :4790" | awk "{print \$4}" | sort | paste -sd" "'
ends 0 bridge vni add dev vx1 vni 200 remote 2001:db8::2
ends 0 bridge vni add dev vx1 vni 201 remote 192.0.2.2
shows '[{"ifname":"vx1","vnis":[{"vni":100},{"vni":200,"remote":"2001:db8::2"},{"vni":201,"remote":"192.0.2.2"}]}]' \
  bridge -j vni show dev vx1
shows '00:00:00:00:00:00 dst 192.0.2.2 vni 201 src_vni 201 self permanent
00:00:00:00:00:00 dst 2001:db8::2 vni 200 src_vni 200 self permanent' eval 'bridge fdb show dev vx1 | sort'
