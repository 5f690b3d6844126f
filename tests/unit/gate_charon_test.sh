#!/bin/sh
# gate as a whole process, with `dns` and real charons (box and hub) in network namespaces: a session on demand, by
# command, and every way in which one of the processes fails. ESP is charon's own (kernel-libipsec), so only the
# decisions are tested here; packets through kernel ESP are tested in the lab.
#
# Run inside the workshop, from the top: sh tests/unit/gate_charon_test.sh   (as root; about 70 s; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/gate_charons.sh
start_hub hub
start_box_charon

# ---- what a bad file does
site perhaps >site.conf
start_gate
ok "a bad site file: closed, and the sentence says where" soon says 'cause file-wrong file=site.conf line=5 .*'
ok "the kernel is closed" kernel closed
sleep 1
site internet >site.conf.new && mv site.conf.new site.conf
ok "a corrected file is noticed: gate ends, to be started again" soon gone $pid

# ---- on demand
start_gate
ok "ready, and the LAN as the site file says" soon says 'session idle'
ok "in the kernel too" soon kernel internet
ask
ok "asking for a listed name raises the tunnel" soon says 'session up'
ok "the kernel is in session" kernel session
ok "the state names the hub" says 'hub 203.0.113.10'
ok "and our address in the tunnel" says 'vip 10.9.0.1'
ok "and the service" says 'service lab'
ok "the log says who asked" logged 'idle -> raising: asked-by client=192.168.77.10 service=lab'
ok "nothing is open without an answer from the registry's resolver" nothing_allowed
ok "idle: the session ends" soon logged 'up -> ending: session-idle'
ok "and the LAN is as before" soon kernel internet
ok "no SA is left" soon no_sa

# ---- charon dies
ask
ok "up again" soon says 'session up'
kill -9 $box
ok "charon killed: closed, not internet" soon kernel closed
ok "and said" soon says 'cause vpn-gone'
start_box_charon
ok "charon is back: as the site file says" soon kernel internet
ask
ok "and a session again" soon says 'session up'

# ---- charon hangs
mkfifo run/hang-guard/words && chmod 666 run/hang-guard/words
cat <>run/hang-guard/words >words &
kill -STOP $box
ok "charon stands still: closed, not internet" long kernel closed
ok "and said" soon says 'cause vpn-hangs'
ok "the hang guard is told to end it" soon grep -q '^end charon$' words
ok "gate has said its own name" grep -q '^gate$' words
kill -9 $box
start_box_charon
ok "charon is back: as the site file says" soon kernel internet
ask
ok "and a session again" soon says 'session up'

# ---- gate dies
kill -9 $pid
sleep 0.2
ready_before=$(grep -c ': vpn-ready' gate.log)
start_gate
more_ready() { [ "$(grep -c ': vpn-ready' gate.log)" -gt "$ready_before" ]; }
ok "gate killed and started: it takes down what was up, and is ready" soon more_ready
ok "the LAN is as the site file says" soon kernel internet
ok "no SA is left" soon no_sa
ask
ok "and a session again" soon says 'session up'

# ---- the hub was that of a PC's own tunnel, and cannot be taken back
hub_known() { ip netns exec box nft list map inet sekisho pc_hubs | grep -q '203\.0\.113\.10 '; }
asked() { ask && says 'session up'; }
kill $pid
soon gone $pid
cat >services/vpn.conf <<-END
	[service]
	title = VPN
	number = 2
	[tunnel]
	kind = pc
	[allow]
	name = vpn.lab.example udp/500, udp/4500, esp
END
cp site.conf one-service.conf
sed -i 's/^service = lab$/&\nservice = vpn/' site.conf
echo "203.0.113.10 vpn.lab.example $(awk '{ printf "%.0f", ($1 + 3600) * 1000 }' /proc/uptime)" >run/gate/pc-hubs
chown --reference=run/gate/state run/gate/pc-hubs
start_gate
ok "the LAN is as the site file says" soon kernel internet
ok "an earlier gate knew this address as a PC's" hub_known
rm run/gate/pc-hubs && mkdir run/gate/pc-hubs
ask
ok "the list cannot be written: no tunnel, and said why" soon says 'cause tunnel-failed service=lab why=hub-not-taken-back'
ok "and the LAN is as before" kernel internet
ok "no SA is left" soon no_sa
rmdir run/gate/pc-hubs
ok "it can: a session" soon asked
ok "the kernel does not know the address as a PC's any more" eval '! hub_known'
ok "nor does the list" eval '! grep -q 203 run/gate/pc-hubs'
kill $pid
soon gone $pid
mv one-service.conf site.conf
rm services/vpn.conf
start_gate
soon kernel internet
ask
ok "and a session again" soon says 'session up'

# ---- dns dies
kill -9 "$(pgrep -P $pid)"
ok "names killed: gate ends with it" soon gone $pid
ok "and has closed the kernel before" kernel closed
ok "and said so, for those who look meanwhile" says 'cause names-gone'
ok "the session has ended for that reason" logged 'session.end reason="dns-gone"'
start_gate
soon kernel internet
names=$(pgrep -P $pid)
kill -STOP "$names"
ok "names stands still: gate ends with it" soon gone $pid
ok "and has closed the kernel before" kernel closed
ok "and said why" logged 'dns: peer-silent'
kill -9 "$names" # as Finit does with all that gate leaves behind
soon ended "$names"
start_gate
soon kernel internet

# ---- the hub is another, or silent
kill $hub
soon gone $hub
start_hub stranger
ask
ok "a stranger at the hub's address: not raised, and said why" soon says 'cause tunnel-failed service=lab why=hub-cert-(strange|untrusted)'
ok "the PC is told at once" grep -q SERVFAIL answer
kill $hub
soon gone $hub
hub_lends=192.168.77.200/32
start_hub hub
wrong_address() { # (for a moment after a failure nobody is asked)
	ask
	says 'cause tunnel-failed service=lab why=hub-gave-wrong-address'
}
ok "a hub that lends an address of the LAN: not raised, and said why" soon wrong_address
ok "the tunnel that it has raised is taken down" soon no_sa
kill -9 $hub
sleep 3
ask
ok "a silent hub: said" soon says 'cause tunnel-failed service=lab why=hub-silent'

# ---- the end
kill $pid
ok "asked to end, it ends" soon gone $pid
ok "closed" kernel closed
[ $failed = 0 ] || { cat gate.log; tail -n 40 box.log; }
verdict gate_charon
