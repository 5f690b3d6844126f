#!/bin/sh
# gate with real charons, and imperfect hubs: without PFS, deleting only the CHILD_SA, carrying nothing, refusing.
# Checks the SAs left afterwards, at the box and at the hub.
#
# Run inside the workshop, from the top: sh tests/unit/gate_hub_test.sh   (as root; about 2 min; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/gate_charons.sh
nothing_stands() { [ -z "$(at_box --list-sas)" ]; }
page() { # open it until the session is up; ten times, for an attempt that failed is followed by a pause
	tries=0
	until ask && says 'session up'; do
		tries=$((tries + 1))
		[ $tries -lt 10 ] || return 1
		sleep 1
	done
}
hub_offers() { # ESP proposals from now on
	esp=$1
	write_hub >hub.swanctl
	at_hub --load-conns --file hub.swanctl >>hub.out 2>&1
}
hub_children() {
	echo "registry { local_ts = $networks"
	echo "esp_proposals = $esp }"
}
initiations() { grep -c 'parsed IKE_SA_INIT request' hub.log; }
new_child() { # another CHILD_SA than before
	child=$(at_box --list-sas | sed -n 's/^  lab: #\([0-9]*\),.* INSTALLED.*/\1/p')
	[ -n "$child" ] && [ "$child" != "$before" ]
}
# Lists are lists: the second of each is the hub's.
sed -i "s/^\[tunnel\]/&\nike-proposal = aes128-sha256-ecp256, aes256gcm16-prfsha384-ecp384\n\
esp-proposal = aes128-sha256-ecp256, aes256gcm16-ecp384/" services/lab.conf
sed -i "s|^remote = .*|&\nremote = 10.21.0.0/16|; s|^name = registry.*|&\nname = left.lab.example tcp/443 tls|" services/lab.conf
esp=aes256gcm16
networks=10.20.0.0/16
start_hub hub
start_box_charon
site closed | sed 's/idle = .*/idle = 600s/' >site.conf
start_gate
soon says 'credentials yes'

# ---- a hub that wants no key exchange for new keys
ask
ok "two lists of proposals, the second of each is the hub's: up" soon says 'session up'
ok "no word about new keys: there are none yet" eval "! says 'no-pfs .*'"
before=0
new_child
before=$child
at_box --rekey --child lab >>box.out 2>&1
ok "the box wants new keys: it has them" soon new_child
ok "and says that they come without a key exchange of their own" soon says 'no-pfs lab'
before=$child
at_hub --rekey --child registry >>hub.out 2>&1
ok "the hub wants new keys: it has them" soon new_child
ok "the session goes on" says 'session up'

# ---- it closes the CHILD_SA alone
started=$(initiations)
at_hub --terminate --child registry >>hub.out 2>&1
ok "the hub closes the CHILD_SA: the session is over" soon says 'session idle'
ok "and the IKE_SA with it" soon nothing_stands
ok "what is known of the hub stays" says 'no-pfs lab'
ok "the page again" page
ok "from the beginning, by IKE_SA_INIT" [ "$(initiations)" -gt "$started" ]

# ---- a hub that asks for one
at_box --terminate --ike lab >>box.out 2>&1
soon says 'session idle'
hub_offers aes256gcm16-ecp384
page
before=0
new_child
before=$child
at_box --rekey --child lab >>box.out 2>&1
ok "new keys with a key exchange" soon new_child
ok "then nothing is to be said any more" soon eval "! says 'no-pfs .*'"
ok "as the last proposal chosen says" eval "grep 'selected proposal: ESP' box.log | tail -n 1 | grep -q ECP_384"

# ---- a hub that takes what comes by this CHILD_SA and gives nothing back, while its IKE_SA lives
at_box --terminate --ike lab >>box.out 2>&1
soon says 'session idle'
# (The box's rules know the kernel's ESP, and not this charon's own interface.)
for rule in 'output oifname' 'input iifname' 'guard_out oifname' 'guard_in iifname'; do
	# shellcheck disable=SC2086 # two words
	ip netns exec box nft insert rule inet sekisho $rule ipsec0 accept
done
page
ip netns exec pc dig +tries=1 +time=12 @192.168.77.1 left.lab.example >answer 2>&1
ok "a name with an address in the network that the hub does not carry: refused" grep -q 'status: SERVFAIL' answer
ok "and why is said" soon says 'refused answer-not-carried name=left.lab.example answer=10.21.0.80'
tries() { # a PC, for so many seconds, as a browser does; ends when the box begins anew
	started=$(initiations)
	n=0
	while [ $n -lt "$1" ] && [ "$(initiations)" -le "$started" ]; do
		ip netns exec pc dig +tries=1 +time=1 @192.168.77.1 registry.lab.example >/dev/null 2>&1
		sleep 0.5
		n=$((n + 1))
	done
	[ "$(initiations)" -gt "$started" ]
}
kill -STOP "$dns"
ok "its resolver alone is silent: no reason to raise anew" eval '! tries 40'
ok "and nothing is said" eval "! says 'hollow .*'"
kill -CONT "$dns"
page
blackhole_hub() {
	spi=$(at_hub --list-sas | sed -n 's/^ *in *\([0-9a-f]*\),.*/\1/p')
	ip netns exec hub nft -f - <<-END
		table inet hollow {
			chain in {
				type filter hook input priority 0;
				udp dport 4500 @th,64,32 0x$spi counter drop
			}
		}
	END
}
ok "(the hub swallows this CHILD_SA's packets)" blackhole_hub
ok "nothing comes back: raised anew, from the beginning" tries 120
# (charon's log is ahead of gate's state file, which still says "up" of the tunnel before: what is new in it comes first.)
ok "said" soon says 'hollow lab'
ok "and up" soon says 'session up'
ok "and in the audit log" logged 'session.hollow service=lab sent=[0-9]+ received=0'
page
answered() { # (dig is content with SERVFAIL)
	ask && grep -q '10\.20\.0\.80$' answer
}
ok "the page in it" soon answered

# ---- a hub that carries one of two networks, and then both
ok "one of two networks: said, with the other" soon says 'not-carried 10.21.0.0/16'
at_box --terminate --ike lab >>box.out 2>&1
soon says 'session idle'
networks=10.20.0.0/16,10.21.0.0/16
hub_offers aes256gcm16-ecp384
page
ok "both: nothing is said" soon eval "! says 'not-carried .*'"

# ---- a hub that goes by another name
at_box --terminate --ike lab >>box.out 2>&1
soon says 'session idle'
hub_id="C=JP, O=Clinic, CN=hub"
hub_offers aes256gcm16-ecp384
ask
ok "not by the name in hub-id: said as what it may be" soon says 'cause tunnel-failed service=lab why=hub-refuses-cert'
ok "and nothing is left of the attempt" soon nothing_stands
hub_id=hub.lab.example
hub_offers aes256gcm16-ecp384
page

# ---- a hub with which nothing can be agreed
at_box --terminate --ike lab >>box.out 2>&1
soon says 'session idle'
hub_offers aes192gcm16
ask
ok "other algorithms: not raised" soon says 'cause tunnel-failed service=lab why=hub-refuses-(ike|esp)'
ok "and nothing is left of the attempt" soon nothing_stands
hub_offers aes256gcm16
ok "the hub is set right: the page, without anybody's help" page

# ---- an IKE_SA that nobody wants
kill $pid
soon gone $pid
soon nothing_stands
start_gate
soon says 'credentials yes'
at_box --initiate --child lab >>box.out 2>&1
ok "a tunnel that was begun by another hand is not kept" soon nothing_stands
ok "and is no session" soon says 'session idle'

kill $pid
ok "asked to end, it ends" soon gone $pid
[ $failed = 0 ] || { cat gate.log; tail -n 60 box.log; }
verdict gate_hub
