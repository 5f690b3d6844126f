#!/bin/sh
# dns as a process: its user, capabilities, system call filter and empty root, and its answers to dig over UDP and TCP
# with a simulated gate (tests/bench/dns/fakegate.c) and resolver. Runs as root in the workshop, in mount,
# network and process namespaces of its own: its mounts, its port 53 and its processes end with it.
set -u
[ -d /sekisho ] || exec scripts/workshop run -- sh "$0"
if [ "${1:-}" != inside ]; then
	make -s -f tests/bench/dns/build.mk || exit 1
	exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private -- sh "$0" inside
fi
mount -t tmpfs -o mode=0755 names-test /var || exit 1
mkdir -m 755 /var/empty
ip link set lo up || exit 1
out=/var/gate.log gate='' failed=0
build/bench/dnsstub -a 127.0.0.1 -p 5353 -t 100 -b 10.99.0.1 -v >>/var/asked & # 10.99.0.1 … 200 for every name

check() { # WHAT CONDITION...
	what=$1; shift
	if "$@"; then echo "ok: $what"; return; fi
	echo "FAIL: $what"; failed=$((failed + 1))
}
start() { # OPTIONS-OF-FAKEGATE...
	: >"$out"
	build/bench/fakegate "$@" build/bin/dns registry.lab.example:1 other.example.org:2 '*.wild.example:1' >"$out" 2>&1 &
	gate=$!
	for _ in $(seq 300); do
		if grep -q 'answering for 3 names' "$out"; then names=$(pgrep -x dns); return 0; fi
		sleep 0.1
	done
	echo "FAIL: names does not start"; cat "$out"; exit 1
}
stop() {
	kill -9 "$gate"
	wait "$gate" 2>/dev/null
	for _ in $(seq 300); do
		if ! pgrep -x dns >/dev/null; then return 0; fi
		sleep 0.1
	done
	return 1
}
ask() { dig @127.0.0.1 +tries=1 +time=20 +nocookie "$@" >/var/dig 2>&1; }
says() { grep -Eq -- "$1" /var/dig || { sed 's/^/    /' /var/dig; return 1; }; }
told() { # PATTERN: gate has heard it, or does in the next 20 s
	for _ in $(seq 200); do
		if grep -Eq -- "$1" "$out"; then return 0; fi
		sleep 0.1
	done
	sed 's/^/    /' "$out"; return 1
}
field() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$names/status" | tr '\t' ' '; }

# ---- in a session ----
start -m session
check "its own user" [ "$(field Uid)/$(field Gid)" = "602 602 602 602/602 602 602 602" ]
check "no group but its own" [ -z "$(field Groups | tr -d ' ')" ]
check "no capability, none to be had" [ "$(field CapPrm) $(field CapEff) $(field CapBnd) $(field CapAmb)" = \
	"0000000000000000 0000000000000000 0000000000000000 0000000000000000" ]
check "system call filter, no new privileges" [ "$(field Seccomp) $(field NoNewPrivs)" = "2 1" ]
check "an empty root" [ "$(stat -L -c %i "/proc/$names/root")/$(find "/proc/$names/root/" | wc -l)" = "$(stat -c %i /var/empty)/1" ]

ask registry.lab.example A
check "an address" says '^registry\.lab\.example\.[[:space:]]+100[[:space:]]+IN[[:space:]]+A[[:space:]]+10\.99\.0\.[0-9]+$'
check "gate was asked first" told '^admit id=0 generation=1001 timeout=161 count=1 first=10\.99\.0\.'
ask rEgIsTrY.lab.example A
check "from the cache, in the case that was asked" says '^rEgIsTrY\.lab\.example\.'
check "gate was asked once" [ "$(grep -c '^admit' "$out")" -eq 1 ]
ask +tcp other.example.org A
check "over TCP" says '^other\.example\.org\..*A[[:space:]]+10\.99\.0\.'
ask registry.lab.example AAAA
check "no IPv6: no data, with an SOA" says 'status: NOERROR'
check "and no resolver was asked" [ "$(grep -c AAAA /var/asked)" -eq 0 ]
check "and the SOA" says '^registry\.lab\.example\.[[:space:]]+[0-9]+[[:space:]]+IN[[:space:]]+SOA'
ask decoy.example.net A
check "an unlisted name" says 'status: REFUSED'
check "and why" says 'EDE: 15 \(Blocked\): \(sekisho: this name is not on'
check "gate heard of it" told '^refused why=0 type=1 client=127\.0\.0\.1 answer=.* name=decoy\.example\.net$'

# ---- below a wildcard; a cut answer; what a spoofer would have to guess ----
ask a.b.wild.example A
check "below a wildcard" says '^a\.b\.wild\.example\..*A[[:space:]]+10\.99\.0\.'
ask wild.example A
check "not the wildcard's own name" says 'status: REFUSED'
ask cut.wild.example A
check "64 addresses, by TCP" [ "$(grep -c '^cut\.wild\.example\..*[[:space:]]A[[:space:]]' /var/dig)" -eq 64 ]
check "in parts that a message holds" [ "$(grep -c '^admit .* count=16 ' "$out")" -eq 4 ]
ask +noedns cut.wild.example A
check "a client without EDNS gets them by TCP" says 'retrying in TCP mode'
: >/var/asked
for i in $(seq 100); do ask "abcdefghijklmnop$i.wild.example" A; done
check "each question from a port of its own" [ "$(awk '$1 == "udp" { print $2 }' /var/asked | sort -u | wc -l)" -ge 96 ] # of 100; two may meet by chance
check "each with an id of its own" [ "$(awk '$1 == "udp" { print $3 }' /var/asked | sort -u | wc -l)" -ge 96 ] # of 100; two may meet by chance
check "each in letters of its own" [ "$(cut -d ' ' -f 4 /var/asked | cut -c 1-16 | sort -u | wc -l)" -ge 95 ]

# ---- internal DNS servers that forward to the box ----
cat >/var/unbound.conf <<'END'
server:
  interface: 127.0.0.1@5400
  do-not-query-localhost: no
  username: ""
  chroot: ""
  directory: "/var"
  pidfile: ""
  use-syslog: no
  logfile: "/var/unbound.log"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@53
END
unbound -d -c /var/unbound.conf >/var/unbound.out 2>&1 &
unbound=$!
dnsmasq -k -p 5401 --no-resolv --no-hosts --server=127.0.0.1#53 --listen-address=127.0.0.1 --bind-interfaces --user=root \
	--pid-file= --cache-size=0 >/var/dnsmasq.out 2>&1 &
dnsmasq=$!
for server in unbound:5400 dnsmasq:5401; do
	port=${server#*:} server=${server%:*}
	for _ in $(seq 200); do
		ask -p "$port" registry.lab.example A
		if grep -q 'status: NOERROR' /var/dig; then break; fi
		sleep 0.1
	done
	check "through $server" says '^registry\.lab\.example\..*A[[:space:]]+10\.99\.0\.'
	ask -p "$port" +dnssec "x.$server.wild.example" A
	check "through $server, with DNSSEC asked for" says "^x\.$server\.wild\.example\..*A[[:space:]]+10\.99\.0\."
	ask -p "$port" cut.wild.example A
	check "64 addresses through $server" [ "$(grep -c '^cut\.wild\.example\..*[[:space:]]A[[:space:]]' /var/dig)" -eq 64 ]
	# Names that a hospital's PCs ask for all the time and the box refuses: the server must not mark the box as failed.
	seq -f 'n%.0f.telemetry.example A' 1000 >/var/asks
	dig @127.0.0.1 -p "$port" +tries=1 +time=2 +short -f /var/asks >/var/refused 2>&1
	check "nothing for unlisted names through $server" [ "$(grep -c '^[0-9]' /var/refused)" -eq 0 ]
	ask -p "$port" "after.$server.wild.example" A
	check "a listed name after 1,000 refused ones through $server" says "^after\.$server\..*A[[:space:]]+10\.99\.0\."
done
kill "$unbound" "$dnsmasq"

# ---- one client's flood does not affect another ----
build/bench/dnsload -a 127.0.0.1 -s 127.0.0.9 -k 1 -t 8 -f -N 100000 'f%u.wild.example' >/var/flood &
flood=$!
sleep 1
python3 - >/var/served <<'PY'
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.8', 0))
s.settimeout(1)
good, first, slow = 0, 0, 0
for i in range(100):
    label = b'new%d' % i if i % 2 else b'old'
    q = struct.pack('>6H', i, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label + b'\4wild\7example\0\0\1\0\1'
    begin = time.monotonic()
    for again in range(3): # as a PC's stub resolver does
        s.sendto(q, ('127.0.0.1', 53))
        try:
            a = s.recv(1500)
        except TimeoutError:
            continue
        good += a[:2] == q[:2] and a[7] == 1
        first += again == 0
        slow = max(slow, time.monotonic() - begin)
        break
    time.sleep(0.03)
print(good, first, round(slow * 1000))
PY
wait "$flood"
echo "flood: $(cat /var/flood); the other client: $(cat /var/served) (of 100 answered; at once; slowest, ms)"
check "the flood was one" [ "$(sed 's/.*"sent":\([0-9]*\).*/\1/' /var/flood)" -gt 100000 ]
check "a client beside a flood is served" [ "$(cut -d ' ' -f 1 /var/served)" -ge 99 ]
check "and mostly at once" [ "$(cut -d ' ' -f 2 /var/served)" -ge 90 ]
check "the flood is reported" told '^refused why=7 .*client=127\.0\.0\.9 '

python3 - <<'PY'
import os, random, socket, struct
random.seed(1)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
good = struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + b'\x08registry\x03lab\x07example\0\0\1\0\1'
for i in range(1000):
    m = bytearray(good if i % 2 else random.randbytes(random.randrange(1400)))
    for _ in range(i % 5):
        if m:
            m[random.randrange(len(m))] = random.randrange(256)
    udp.sendto(m, ('127.0.0.1', 53))
for i in range(50):
    with socket.create_connection(('127.0.0.1', 53)) as tcp:
        try:
            tcp.sendall(random.randbytes(random.randrange(1, 3000)))
        except OSError:
            pass
PY
sleep 1
check "rubbish does not end it" [ "$(pgrep -x dns)" = "$names" ]
ask registry.lab.example A
check "nor keep it from answering" says 'status: NOERROR'
check "it ends with gate" stop

# ---- closed ----
start -m closed
ask registry.lab.example A
check "no tunnel: SERVFAIL at once" says 'status: SERVFAIL'
check "and why" says 'EDE: 23 \(Network Error\): \(sekisho: the tunnel'
check "gate heard of both" told '^refused why=1 .* name=registry\.lab\.example$'
check "it ends with gate" stop

start -m closed -u 700
ask registry.lab.example A
check "held until the tunnel is up" says '^registry\.lab\.example\..*A[[:space:]]+10\.99\.0\.'
check "gate heard the wish" told '^want id=0$'
check "it ends with gate" stop

# ---- what gate refuses ----
start -m session -v 2
ask registry.lab.example A
check "an address outside the tunnel" says 'status: SERVFAIL'
check "and why" says 'EDE: 15 \(Blocked\): \(sekisho: the answer pointed outside'
check "with the address for the log" told '^refused why=2 type=1 client=127\.0\.0\.1 answer=10\.99\.0\.[0-9]+ name=registry'
check "it ends with gate" stop

# ---- its exit, and a peer that is not gate ----
start -m session
kill -STOP "$names"
check "it ends with gate also when it hangs" stop

start -m session
kill -9 "$names"
check "gate sees its end" told '^names ended: exit -1 signal 9$'
wait "$gate"
printf 'not a message of ours, whatever it is' | build/bin/dns 3<&0 >"$out" 2>&1
check "it does not talk to strangers" [ $? -ne 0 ]

echo "dns_process_test: $failed failed"
[ "$failed" -eq 0 ]
