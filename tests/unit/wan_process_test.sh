#!/bin/sh
# wan as a process: its two parts and what they may do, and the leases of a real DHCP server (dnsmasq), ordinary and odd.
# Runs as root in the workshop, in mount, network and process namespaces of its own.
set -u
[ -d /sekisho ] || exec scripts/workshop run -- sh "$0"
if [ "${1:-}" != inside ]; then
	make -s -f src/build.mk build/bin/wan || exit 1
	exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private -- sh "$0" inside
fi
. tests/unit/checks.sh
mount_var
mount -t sysfs test /sys # of this network namespace
mount -t tmpfs -o mode=755 test /run && mkdir -p /run/netns /run/box/run/sekisho /run/box/state/services
box=/run/box state=/run/box/run/sekisho/wan/state wan='' server=''
ip netns add line
ip link add wan0 type veth peer name line0 netns line
ip link set lo up && ip link set wan0 up
ip -n line addr add 198.51.100.1/24 dev line0
ip -n line link set line0 up
ip netns exec line ethtool -K line0 tx off >/dev/null 2>&1
cp configs/services/lab.conf $box/state/services/lab.conf
fingerprint=$(printf '%064d' 1)
site() { # LINES of [wan]
	printf '%s\n' '[site]' 'name = Test' 'service = lab' '[wan]' "$@" '[enroll]' 'server = est.lab.example' \
		"ca-fingerprint = $fingerprint" 'username = u' 'password = secret-1' 'device = box-1' >$box/state/site.conf
}
look() { cat $state; ip -br addr show dev wan0; ip route; tail -n 5 /run/wan.log /run/dhcp.log; }
serve() { # OPTIONS of dnsmasq
	[ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null; }
	rm -f /run/leases
	ip netns exec line dnsmasq --no-daemon --user=root --port=0 --bind-interfaces --interface=line0 --pid-file= --no-ping \
		--dhcp-authoritative --dhcp-leasefile=/run/leases --log-dhcp "$@" >>/run/dhcp.log 2>&1 &
	server=$!
}
start() {
	build/bin/wan -d $box >>/run/wan.log 2>&1 &
	wan=$!
}
stop() {
	kill -9 "$wan"
	wait "$wan" 2>/dev/null
	soon not pgrep -x dhcp
}
not() { ! "$@"; }
says() { grep -Eqx -- "$1" $state; }
hints() { grep -Eq -- "$1" $state; }
replug() { # out, seen, in
	ip -n line link set line0 down
	soon says 'link down'
	ip -n line link set line0 up
}
route() { ip route show default | grep -Eq -- "$1"; }
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '; }
range=--dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,2h

site 'mode = dhcp'
serve $range --dhcp-option=option:router,198.51.100.1 --dhcp-option=option:dns-server,198.51.100.1 \
	--dhcp-option=option:ntp-server,198.51.100.1
start
ok "an ordinary lease" soon says 'address 198\.51\.100\.1[0-9][0-9]'
ok "the line is up" says 'link up'
ok "its servers" grep -c -e '^dns 198.51.100.1$' -e '^ntp 198.51.100.1$' -e '^gateway 198.51.100.1$' $state
ok "the route" route 'via 198.51.100.1 dev wan0'
ok "no size of the line given: that of PPPoE over Flet's" sh -c "grep -qx 'mtu 1454' $state && ip route show default | grep -q 'mtu 1454'"
ok "resolv.conf" grep -qx 'nameserver 198.51.100.1' $box/run/sekisho/wan/resolv.conf
client=$(pgrep -x dhcp)
ok "wan: own user, CAP_NET_ADMIN alone" [ "$(field "$wan" Uid)$(field "$wan" CapEff)$(field "$wan" CapBnd)" = \
	"612 612 612 61200000000000010000000000000001000" ]
ok "dhcp: own user, no capability, none to be had" [ "$(field "$client" Uid)$(field "$client" CapEff)$(field "$client" CapBnd)" = \
	"614 614 614 61400000000000000000000000000000000" ]
ok "both: system call filter, no new privileges" [ "$(field "$wan" Seccomp)$(field "$wan" NoNewPrivs)$(field "$client" Seccomp)$(field "$client" NoNewPrivs)" = 2121 ]
ok "dhcp: an empty root" [ "$(readlink "/proc/$client/root")" = /var/empty ]

first=$(sed -n 's/^address //p' $state)
replug
ok "the cable out and in: the same address, asked for by name" soon says "address $first"

# What it asks for again is no more to be had.
serve --dhcp-range=198.51.100.50,198.51.100.59,255.255.255.0,2h --dhcp-option=option:router,198.51.100.1
replug
ok "another network behind the cable: another address" soon says 'address 198\.51\.100\.5[0-9]'
ok "one address on the card" [ "$(ip -4 -br addr show dev wan0 | grep -o '198' | wc -l)" = 1 ]

# A line that gives the default route by option 121 alone, and one whose router option is a lie beside it.
serve $range --dhcp-option=option:mtu,1420 --dhcp-option=option:router --dhcp-option=option:classless-static-route,0.0.0.0/0,198.51.100.2
replug
ok "option 121 alone" soon says 'gateway 198\.51\.100\.2'
ok "its route, and the size that the lease gives" route 'via 198.51.100.2 .*mtu 1420'
serve $range --dhcp-option=option:router,198.51.100.9 --dhcp-option=option:classless-static-route,10.1.0.0/16,198.51.100.8,0.0.0.0/0,198.51.100.3
replug
ok "option 121 before the router option" soon says 'gateway 198\.51\.100\.3'

serve --dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,2h --dhcp-option=option:netmask,255.255.255.255 \
	--dhcp-option=option:router,203.0.113.1
replug
ok "32 bits, and a router elsewhere" soon says 'gateway 203\.0\.113\.1'
ok "its route" route 'via 203.0.113.1 dev wan0 .*onlink'

serve $range --dhcp-option=option:router
replug
ok "no router: a sentence" soon hints '^cause line-no-router$'

# Restarted, it takes its own address over, and leaves what is not its own (the tunnel's).
ip addr add 10.99.0.1/32 dev wan0
serve $range --dhcp-option=option:router,198.51.100.1
stop
start
ok "after a restart: the line is up" soon says 'link up'
ok "one address of its own" [ "$(ip -4 -br addr show dev wan0 | grep -o '198' | wc -l)" = 1 ]
ok "and the tunnel's" sh -c 'ip -4 addr show dev wan0 | grep -q 10.99.0.1'

# Networks that cannot be.
sed -i 's/^remote = .*/&\nremote = 198.51.0.0\/16/' $box/state/services/lab.conf
stop
start
ok "the line's network in a hub's: a sentence" soon hints '^cause line-in-remote line=[0-9.]+/[0-9]+ service=lab remote=198\.51\.0\.0/16$'
ok "and no address" not sh -c 'ip -4 addr show dev wan0 | grep -q 198.51'
cp configs/services/lab.conf $box/state/services/lab.conf
serve $range --dhcp-option=option:router,198.51.100.1 --dhcp-option=option:dns-server,10.20.0.99
stop
start
ok "the line's DNS server in a hub's network: a sentence" soon hints '^cause line-server-in-remote server=10\.20\.0\.99 service=lab remote=10\.20\.0\.0/16$'
ok "the line is up all the same" says 'link up'
ok "and that server is none" not says 'dns .*'
serve $range --dhcp-option=option:router,198.51.100.1 --dhcp-option=option:dns-server,10.20.0.99,198.51.100.53 \
	--dhcp-option=option:ntp-server,10.20.0.5
stop
start
ok "one of two: the other is asked" soon says 'dns 198\.51\.100\.53'
ok "nobody need be told" not hints '^cause '
ok "nor is a time server in a hub's network asked" not says 'ntp .*'
ip -n line addr add 192.168.77.1/24 dev line0
serve --dhcp-range=192.168.77.100,192.168.77.199,255.255.255.0,2h
stop
start
ok "the line's network is the LAN's: a sentence" soon hints '^cause line-in-lan address=[0-9.]+/[0-9]+$'
stop

site 'mode = static' 'address = 198.51.100.40/24' 'gateway = 198.51.100.1' 'dns = 198.51.100.53' 'ntp = 198.51.100.123'
start
ok "a fixed address" soon says 'address 198\.51\.100\.40'
ok "with its DNS server" says 'dns 198\.51\.100\.53'
ok "and nobody asks for one" not pgrep -x dhcp
stop
verdict wan_process
