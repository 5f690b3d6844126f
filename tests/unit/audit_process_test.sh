#!/bin/sh
# The audit program as a process: its user, what it logs for whom, and that a kill -9 loses nothing already written.
# Runs as root in the workshop, in a small root of its own under /tmp that is made of copies: nothing is mounted, so
# nothing but copies can be removed at the end.
set -u
[ -d /sekisho ] || exec scripts/workshop run -- sh "$0"
make -s -f src/build.mk build/bin/audit || exit 1

root=$(mktemp -d /tmp/audit-root.XXXXXX) || exit 1
chmod 755 "$root"
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf --one-file-system "$root"' EXIT
audit=/bin/audit log=$root/state/audit/audit.log failed=0
mkdir -p "$root/state" "$root/run" "$root/tmp" "$root/bin"
cp build/bin/audit /usr/bin/setpriv "$root/bin/"
for library in $(ldd build/bin/audit /usr/bin/setpriv | grep -o '/[^ ]*\.so[^ ]*' | sort -u); do
	mkdir -p "$root$(dirname "$library")"
	cp -L "$library" "$root$library"
done

check() { # WHAT CONDITION...
	what=$1; shift
	if "$@"; then return; fi
	echo "FAIL: $what"; failed=$((failed + 1))
}
send() { chroot "$root" "$audit" send "$@"; }
send_as() { uid=$1; shift; chroot "$root" /bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups "$audit" send "$@"; }
wait_for() { # PATTERN: in the log, for at most half a minute
	for _ in $(seq 300); do
		if grep -q -- "$1" "$log" 2>/dev/null; then return 0; fi
		sleep 0.1
	done
	return 1
}
start() { chroot "$root" "$audit" & pid=$!; }
stop() { kill "$1" "$pid"; wait "$pid" 2>/dev/null; pid=; }
padded() { printf '%06d' "$1"; }

start
check "it says that it started" wait_for ' 000001 audit audit\.start$'
send boot "image=1"
send_as 601 session.start "service=lab client=192.168.77.10"
send_as 601 "Not an event" "$(printf 'a\nb\033[2J')"
send_as 4242 session.start "service=forged"
check "a script's event" wait_for ' 000002 system boot image=1$'
check "gate's event, by its uid" wait_for ' 000003 gate session\.start service=lab client=192\.168\.77\.10$'
check "no second line and no escape sequence" wait_for ' 000004 gate malformed Not an event a\\x0ab\\x1b\[2J$'
check "a stranger cannot speak for gate" wait_for ' 000005 uid-4242 session\.start service=forged$'

i=0
while [ $i -lt 60 ]; do send_as 601 dns.refused "name=n$i.example"; i=$((i + 1)); done
send_as 601 session.end "service=lab"
check "a flood hides no session" wait_for ' gate session\.end service=lab$'
check "a flood is cut" [ "$(grep -c ' gate dns.refused ' "$log")" -le 45 ]

ids=$(sed -n 's/^\(Uid\|CapEff\|Seccomp\):[[:space:]]*//p' "/proc/$pid/status" | tr '\t\n' '  ')
check "own user, no capability, seccomp: $ids" [ "$ids" = "607 607 607 607 0000000000000000 2 " ]
check "the log is not for everybody" [ "$(stat -c '%a %u %g' "$log")" = "640 607 600" ]
check "its state is there" grep -q '^written ' "$root/run/sekisho/audit/state"

last=$(tail -n 1 "$log" | cut -d ' ' -f 2 | sed 's/^0*//')
stop -KILL
printf '2026-11-21T08:30:00Z %s gate cut o' "$(padded $((last + 1)))" >>"$log"
start
check "numbers go on, the cut line stands alone" wait_for " $(padded $((last + 2))) audit audit\\.start\$"
check "the cut is said" wait_for 'audit\.torn log-torn$'
stop -TERM

# The log cannot be opened (a broken disk), and then it can: the program stays, says so, and goes on by itself.
mv "$log" "$root/state/kept"
mkdir "$log"
start
for _ in $(seq 300); do grep -q '^cause ' "$root/run/sekisho/audit/state" && break; sleep 0.1; done
check "a log that cannot be opened is said in its state" grep -q '^cause audit-open error=' "$root/run/sekisho/audit/state"
check "and the program stays" kill -0 "$pid"
rmdir "$log"
mv "$root/state/kept" "$log"
check "it goes on when it can" wait_for " $(padded $((last + 4))) audit audit\.start\$"
stop -TERM
echo "$failed failed"
[ "$failed" -eq 0 ]
