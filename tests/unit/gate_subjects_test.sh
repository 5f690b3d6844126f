#!/bin/sh
# Every subject that a CA may write: gate names the box to charon so that charon finds the key, and so that the hub
# takes it for what stands in the certificate.
#
# Run inside the workshop, from the top: sh tests/unit/gate_subjects_test.sh   (as root; about 90 s; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/gate_charons.sh
gone_down() { says 'session idle' && [ -z "$(at_hub --list-sas)" ]; }
page() { # open it until the session is up; ten times, for an attempt that failed is followed by a pause
	tries=0
	until ask && says 'session up'; do
		tries=$((tries + 1))
		[ $tries -lt 10 ] || return 1
		sleep 1
	done
}
clear_credentials() { at_box --load-creds --clear --noprompt --file none >>box.out 2>&1; }
start_hub hub
start_box_charon
site closed | sed "s,idle = .*,idle = 600s," >site.conf
start_gate
soon says 'credentials yes'
number=0
count=$(python3 subjects.py list)
while [ "$number" -lt "$count" ]; do
	printf 'version 1\nloaded no\n' >run/enroll/state
	soon says 'credentials no'
	clear_credentials
	name=$(python3 subjects.py make "$number" box.key ca.crt ca.key)
	credentials box box
	python3 subjects.py tell box.crt
	soon says 'credentials yes'
	ok "$name: the tunnel" page
	at_box --terminate --ike lab >>box.out 2>&1
	soon gone_down
	number=$((number + 1))
done
kill $pid
[ $failed = 0 ] || tail -n 60 box.log
verdict gate_subjects
