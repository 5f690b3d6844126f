#!/bin/sh
# gate begins closed, whatever the kernel still holds of an earlier one; and when the kernel does not take which host may use
# what, gate ends, and the LAN stays closed: nobody uses a service by rules of which a half is missing.
#
# Run inside the workshop, from the top: sh tests/unit/gate_start_test.sh   (as root; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --net --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/checks.sh
mount_var || exit 1
w=$(mktemp -d) && chmod 755 "$w" && mkdir -p "$w/services" "$w/run/enroll" "$w/run/wan" "$w/run/audit" "$w/run/hang-guard" || exit 1
scripts/firewall-cat >"$w/firewall.nft" && cp build/bin/gate build/bin/dns "$w/" && cp configs/services/lab.conf "$w/services/" || exit 1
cd "$w" || exit 1
look() {
	nft list map inet sekisho mode
	nft list set inet sekisho live
	tail -n 5 gate.log
}
ip link set lo up
ip link add lan0 type veth peer name pc0 && ip addr add 192.168.77.1/24 dev lan0 && ip link set lan0 up || exit 1
cat >site.conf <<-END
	[site]
	name = Test
	service = lab
	outside-session = closed
	[wan]
	mode = dhcp
	[hosts]
	host = 192.168.77.20 02:00:5e:10:00:20 lab
	host = 192.168.77.21 02:00:5e:10:00:21 lab
	others = none
	$(enroll_section)
END
# The rules as a gate leaves them that was killed in a session. $1: places for bound hosts.
session_of_before() {
	sed "s/queue to .*/drop/; s/set hosts { type ether_addr; }/set hosts { type ether_addr; size $1; }/" firewall.nft | nft -f - &&
		nft -f - <<-END
			flush map inet sekisho mode
			add element inet sekisho mode { "lan0" : jump session, "wan0" : jump session_in }
			add element inet sekisho generation { "lan0" : 100 }
			add element inet sekisho live { 100 }
			add element inet sekisho up { 1 }
			add element inet sekisho unbound { 1 }
			add element inet sekisho allow_v4 { 10.20.0.80 . tcp . 443 . 1 }
		END
}
closed() {
	nft list map inet sekisho mode | grep -q '"lan0" : jump closed' && ! nft list map inet sekisho mode | grep -q session &&
		! nft list set inet sekisho live | grep -q elements && ! nft list set inet sekisho allow_v4 | grep -q elements
}
ends() { # gate by itself; its status
	timeout 60 ./gate -s site.conf -d services -r run -n "$w/dns" -v "$w/no.vici" >gate.log 2>&1
	status=$?
	[ $status -ne 0 ] && [ $status -ne 124 ]
}
runs() { grep -qs '^version' run/gate/state; }

session_of_before 1
ok "a session of before is there" eval "! closed"
ok "the kernel takes one bound host and no second: gate ends" ends
ok "and says why" grep -q 'does not take which host may use what' gate.log
ok "the LAN is closed" closed
ok "not one of the hosts is half there" eval "! nft list set inet sekisho hosts_at | grep -q elements"

# The same with room: gate goes on, and the previous session is over.
session_of_before 8
./gate -s site.conf -d services -r run -n "$w/dns" -v "$w/no.vici" >gate.log 2>&1 &
pid=$!
ok "with room for both it runs" soon runs
ok "and knows both" eval "[ \$(nft list set inet sekisho hosts_at | grep -o '02:00:5e:10' | wc -l) = 2 ]"
ok "the LAN is closed then too" closed
kill $pid
wait $pid
verdict gate_start
