#!/bin/sh
# Who stands at gate's socket for `sni`: the true one, a second one, one that was taken over and says what it must not. gate
# says of each why it was cut off, and takes the next.
#
# Run inside the workshop, from the top: sh tests/unit/gate_sni_link_test.sh   (as root; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --net --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/checks.sh
mount_var || exit 1
w=$(mktemp -d) && chmod 755 "$w" && mkdir -p "$w/services" "$w/run/enroll" "$w/run/wan" "$w/run/audit" "$w/run/hang-guard" || exit 1
[ -x build/bin/sni ] || make -s -f src/build.mk build/bin/gate build/bin/dns build/bin/sni || exit 1
scripts/firewall-cat >"$w/firewall.nft" && cp build/bin/gate build/bin/dns build/bin/sni "$w/" &&
	cp configs/services/lab.conf "$w/services/" || exit 1
cd "$w" || exit 1
look() {
	cat run/gate/state
	tail -n 5 gate.log
}
says() { grep -qsE "^$1\$" run/gate/state; }
told() { grep -qs "audit is away: fault $1\$" gate.log; } # as an audit event
ended() { ! grep -qs '^State:.[^Z]' "/proc/$1/status"; }
holds_queue() { grep -qE '^ *1 ' /proc/net/netfilter/nfnetlink_queue; }

ip link set lo up
ip link add lan0 type veth peer name pc0 && ip addr add 192.168.77.1/24 dev lan0 && ip link set lan0 up || exit 1
# The rule `queue` is another part of the kernel than the queue, which alone is needed here.
sed 's/queue to .*/drop/' firewall.nft | nft -f - || exit 1
cat >site.conf <<-END
	[site]
	name = Test
	service = lab
	outside-session = closed
	[wan]
	mode = dhcp
	$(enroll_section)
END
./gate -s site.conf -d services -r run -n "$w/dns" -v "$w/no.vici" >gate.log 2>&1 &
gate=$!
soon test -S run/gate/sni.sock || exit 1

# What is no message, and what is none of sni's (a TCP connection to a resolver, which dns may ask for): as bytes.
connect() { # the message
	python3 - "$1" <<-'END'
		import socket, struct, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.settimeout(60)
		s.connect("run/gate/sni.sock")
		s.send({"rubbish": b"GET / HTTP/1.0\r\n\r\n", "of-dns": struct.pack("=HHIB", 35, 1, 0, 1)}[sys.argv[1]])
		try:
		    while s.recv(65536):    # its names, its mode; then nothing more
		        pass
		except ConnectionResetError:    # gate has left some of it unread
		    pass
	END
}
ok "rubbish in sni's place: cut off" connect rubbish
ok "and said" soon told 'tls-check-lost why=peer-breaks-rules'
ok "a message that only dns may send: cut off" connect of-dns
ok "and said" soon told 'tls-check-lost why=peer-not-its-own'
ok "gate is as before" kill -0 $gate

start_sni() {
	./sni -s run/gate/sni.sock >>sni.log 2>&1 &
	sni=$!
}
start_sni
ok "the true one is taken" soon says 'hello running'
ok "it has the queue" soon holds_queue
first=$sni
start_sni
ok "a second one: it takes the first one's place" soon told 'tls-check-lost why=peer-replaced'
ok "the first one ends" soon ended $first
ok "the second one has the queue" soon holds_queue
kill -9 $sni
ok "it dies: said" soon told 'tls-check-lost why=peer-ended'

# Somebody else has the queue.
python3 - >holder.log <<-'END' &
	import os, socket, struct, time
	s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)    # NETLINK_NETFILTER
	command = struct.pack("=HHBxH", 8, 1, 1, 0)    # NFQA_CFG_CMD: bind
	body = struct.pack("=BBH", 0, 0, socket.htons(1)) + command
	s.send(struct.pack("=IHHII", 16 + len(body), 3 << 8 | 2, 5, 1, 0) + body)    # NFQNL_MSG_CONFIG, with an answer
	print("error", struct.unpack("=i", s.recv(4096)[16:20])[0], flush=True)
	time.sleep(1000)
END
holder=$!
ok "another process takes the queue" soon grep -q '^error 0$' holder.log
start_sni
ok "the kernel has no queue for sni: said" soon told 'tls-check-lost why=peer-no-queue'
ok "and it ends, to be started again" soon ended $sni
kill -9 $holder
soon eval '! holds_queue'
start_sni
ok "the queue is free again: the next one is taken" soon says 'hello running'
kill $gate
ok "gate ends, and sni with it" soon ended $sni
verdict gate_sni_link
