#!/bin/sh
# gate at a site whose only service has its tunnel on the PC: there is nothing to ask charon for, and the LAN comes up
# all the same. With a real charon, and a DNS server at the uplink, in network namespaces.
#
# Run inside the workshop, from the top: sh tests/unit/gate_pc_only_test.sh   (as root; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/gate_charons.sh
cat >services/lab.conf <<-END
	[service]
	title = Lab
	number = 1
	[tunnel]
	kind = pc
	[allow]
	name = vpn.lab.example udp/500, udp/4500, esp
END
ip -n hub addr add 203.0.113.53/32 dev lo
ip netns exec hub dnsmasq --no-daemon --listen-address=203.0.113.53 --bind-interfaces --no-resolv --no-hosts \
	--address=/vpn.lab.example/8.8.4.4 --pid-file= >uplink-dns.out 2>&1 &
ask_vpn() { ip netns exec pc dig +tries=1 +time=12 @192.168.77.1 vpn.lab.example >answer 2>&1; }
hub_known() { ip netns exec box nft list map inet sekisho pc_hubs | grep -q "8\.8\.4\.4 .*${1:-}.* : 0x0*11"; }
no_names() { ! ip netns exec box ss -Hlun 'sport = 53' | grep -q .; }
site internet >site.conf

start_gate # before charon is there
start_charon box
ok "charon is there: the LAN as the site file says" soon kernel internet
ok "and that is said" logged 'starting -> idle: vpn-ready'
ok "there is no certificate to wait for" eval "! grep -q ^credentials run/gate/state"
ask_vpn
ok "asking for the hub's name begins a session" soon says 'session up'
ok "and answers with its address" grep -q '8\.8\.4\.4' answer
kill -9 "$charon"
ok "charon killed: closed, not internet" soon kernel closed
start_charon box
ok "charon is back: as the site file says" soon kernel internet


# ---- gate is started again: a tunnel that stands must not find its way open beside the internet
kill -9 $pid
soon gone $pid
soon no_names
sed 's/queue to .*/drop/' firewall.nft | ip netns exec box nft -f -
ok "the rules are loaded afresh, without a hub" eval "! hub_known"
start_gate
ok "gate killed and started: the LAN as the site file says" soon kernel internet
ok "and the kernel knows the hub" hub_known
ok "for not much less than a day" hub_known 'expires 23h5'
kill $pid
ok "asked to end, it ends" soon gone $pid
[ $failed = 0 ] || cat gate.log
verdict gate_pc_only
