#!/bin/sh
# The box's hang guard: which programs it kills, and which not. In its own namespaces, with the box's users.
#
# Run inside the workshop, from the top: sh tests/unit/hang_guard_test.sh   (as root; about 20 s)
[ -n "${HANG_GUARD_TEST_INSIDE:-}" ] || HANG_GUARD_TEST_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/checks.sh
w=$(mktemp -d) && cp rootfs/overlay/etc/passwd rootfs/overlay/etc/group "$w/" || exit 1
# The same with a shorter silence_s, and with the box's own `kill`.
mkdir "$w/bin" && ln -s "$(command -v busybox)" "$w/bin/kill" && chmod 755 "$w" || exit 1
sed "s/^silence_s=20$/silence_s=4/; s/read -r -t 5 /read -r -t 1 /; s,^PATH=,PATH=$w/bin:," rootfs/overlay/usr/libexec/sekisho/hang-guard >"$w/hang-guard"
ok "the test has changed the times" sh -c "grep -q '^silence_s=4' $w/hang-guard && grep -q 'read -r -t 1 ' $w/hang-guard"
mount --bind "$w/passwd" /etc/passwd && mount --bind "$w/group" /etc/group && mount -t tmpfs run /run || exit 1
words=/run/sekisho/hang-guard/words
look() {
	cat "$w/out"
	ps -eo pid,user,stat,args
}
is_of() { [ "$(stat -c %U "/proc/$1")" = "$2" ]; }
start() { # a program that hangs: as its user; its process id in $pid
	setpriv --reuid "$1" --regid nogroup --clear-groups sleep 1000 &
	pid=$!
	soon is_of $pid "$1"
	kill -STOP $pid
}
there() { kill -0 "$1" 2>/dev/null; }
gone() { ! grep -qs '^State:.[^Z]' "/proc/$1/status"; }
as() { setpriv --reuid "$1" --regid "$1" --groups "$2" sh -c "echo '$3' >$words" 2>/dev/null; }

busybox sh "$w/hang-guard" >"$w/out" 2>&1 &
guard=$!
soon test -p $words
start sni; sni=$pid
start charon; charon=$pid
start gate; gate=$pid
start dns; dns=$pid
start enroll; enroll=$pid
start status; status=$pid

# ---- who may speak
ok "sni cannot speak to it" sh -c "! setpriv --reuid sni --regid sni --clear-groups sh -c 'echo end charon >$words' 2>/dev/null"
ok "gate can" as gate sekisho "end dns"
ok "words that mean nothing are taken" as gate sekisho '$(kill -9 -1) end; end gate * sni'
ok "sni is ended when gate says so" as gate sekisho "end sni"
ok "and dies, though it stands still" soon gone "$sni"
for p in $charon $gate $dns $enroll $status; do
	ok "nobody else ($(ps -o user= -p "$p"))" there "$p"
done
ok "charon, too" as gate sekisho "end charon"
ok "dies" soon gone "$charon"

# ---- who says its own name, and then no more
as gate sekisho gate
as enroll sekisho enroll
speaking() { while as enroll sekisho enroll; do sleep 0.5; done; }
speaking &
ok "gate has said nothing for too long: it is ended" soon gone "$gate"
ok "and that is said" grep -q 'gate hangs: it is ended' "$w/out"
ok "enroll goes on speaking and lives" there "$enroll"
ok "status has never spoken, and is not waited for" there "$status"
ok "dns is nobody's business here" there "$dns"
ok "the hang guard goes on" there "$guard"
verdict hang_guard
