# What all scenarios have: hosts and cables, commands with the exit status that they must have, what must be seen, and
# frames that are counted as they arrive. A scenario ends with 1 at the first thing that is otherwise, and says it.
#
# Hosts named in $KERNELS keep the real tools, found by $REAL_PATH, where the script is run by `vtep exec`.
set -u
here=$(dirname "$0")
held=0

fail() {
  echo "FAILED behind $held: $*" >&2
  exit 1
}

# ends STATUS CMD...: whatever it says
ends() {
  local want=$1 got=0
  shift
  "$@" >/run/out 2>/run/error || got=$?
  [ "$got" = "$want" ] || fail "\`$*\` ends with $got, not $want: $(cat /run/out /run/error)"
  held=$((held + 1))
}

# all TOOL, none TOOL (or on HOST TOOL): lines of a batch of which each is done, or refused
all() {
  cat >/run/lines
  ends 0 "$@" -force -batch /run/lines
  held=$((held - 1 + $(wc -l </run/lines)))
}

none() {
  cat >/run/lines
  ends 1 "$@" -force -batch /run/lines
  for line in $(seq $(wc -l </run/lines)); do
    grep -q "^Command failed /run/lines:$line\$" /run/error || fail "$* takes \`$(sed -n "${line}p" /run/lines)\`"
    held=$((held + 1))
  done
}

# says WORD STATUS CMD...: that status, and a sentence with that word
says() {
  local word=$1
  shift
  ends "$@"
  grep -qi -- "$word" /run/error || fail "\`$*\` does not say \"$word\": $(cat /run/error)"
}

# shows TEXT CMD...: all that it prints
shows() {
  local want=$1 got
  shift
  got=$("$@" 2>&1)
  [ "$got" = "$want" ] || fail "\`$*\` shows
$got
and not
$want"
  held=$((held + 1))
}

# becomes TEXT CMD...: in a while
becomes() {
  local want=$1 got= tries
  shift
  for tries in $(seq 100); do
    got=$("$@" 2>&1)
    [ "$got" = "$want" ] && held=$((held + 1)) && return
    sleep 0.05
  done
  shows "$want" "$@"
}

host() {
  for each in "$@"; do
    ip netns add "$each"
    ip -n "$each" link set lo up
    ip netns exec "$each" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  done
}

on() {
  local where=$1 path=$PATH
  shift
  case " ${KERNELS-} " in *" $where "*) path=$REAL_PATH ;; esac
  env PATH="$path" ip netns exec "$where" "$@"
}

# cable HOST DEV ADDRESS HOST DEV ADDRESS: `-` is none; no packet above the MTU, no checksum left unfinished
cable() {
  ip -n "$1" link add "$2" type veth peer name "$5" netns "$4"
  end "$1" "$2" "$3"
  end "$4" "$5" "$6"
}

end() {
  [ "$3" = - ] || ip -n "$1" address add "$3" dev "$2"
  ip netns exec "$1" ethtool -K "$2" tso off gso off tx-udp-segmentation off tx off
  ip -n "$1" link set "$2" up
}

# counts HOST DEV: what comes in there; lines of a NAME and what counts for it, in words of nft
counts() {
  local dev=$2 name match
  {
    echo "add table netdev seen"
    echo "add chain netdev seen $dev { type filter hook ingress device \"$dev\" priority 0; }"
    while read -r name match; do
      echo "add counter netdev seen $name"
      echo "add rule netdev seen $dev $match counter name $name"
    done
  } | ip netns exec "$1" nft -f - || fail "no counters at $dev of $1"
}

# count HOST DEV NAME MATCH...: one of them
count() {
  local where=$1 dev=$2
  shift 2
  counts "$where" "$dev" <<<"$*"
}

# tally HOST...: NAME=PACKETS of each that has counted any
tally() {
  for each in "$@"; do
    ip netns exec "$each" nft -j list counters |
      jq -r '.nftables[].counter // empty | select(.packets > 0) | "\(.name)=\(.packets)"'
  done | sort | paste -sd' '
}

# counted 'TALLY' HOST...: it becomes that, and starts anew
counted() {
  local want=$1
  shift
  becomes "$want" tally "$@"
  for each in "$@"; do ip netns exec "$each" nft reset counters >/dev/null; done
}

# send HOST DEV FRAME [TIMES]: as hex
send() {
  ip netns exec "$1" /usr/bin/python3 "$here/send.py" "$2" "${4-1}" "${3//[: ]/}"
}

# datagram HOST ADDRESS PORT TOS TTL PAYLOAD...
datagram() {
  local where=$1
  shift
  ip netns exec "$where" /usr/bin/python3 "$here/send.py" "$@"
}

# packet TOS PORT: an IPv4 packet from 10.1.1.3 to 10.1.1.1, in hex
packet() {
  local sum=$((0x4500 + $1 + 0x1c + 1 + 0x4011 + 0x0a01 + 0x0103 + 0x0a01 + 0x0101))
  sum=$((~((sum & 0xffff) + (sum >> 16)) & 0xffff))
  printf '45%02x001c000100004011%04x0a0101030a0101010001%04x00080000' "$1" $sum "$2"
}

# entries HOST MAC DEV: those of an address
entries() {
  on "$1" bridge fdb show dev "$3" | grep "^$2 " | sed 's/ $//' | sort
}

pings() {
  local where=$1
  shift
  ends 0 on "$where" ping -q -c 2 -i 0.1 -W 2 "$@"
}

# ours: whether the tools are taken over
ours() { [ -n "${REAL_PATH-}" ] && [ "$PATH" != "$REAL_PATH" ]; }

trap 'echo "$held held"' EXIT
