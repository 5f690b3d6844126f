# Sourced by the tests of whole programs, from the top of the tree: counting and waiting.
# The test defines look(): what to show when a check fails.

mount_var() { # an empty /var for this test alone, which must be in a mount namespace of its own
	mount -t tmpfs -o mode=755 test /var && mkdir -p /var/empty && ln -s /run /var/run
}

failed=0 passed=0
ok() { # what, then a command that must succeed
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok: $what"
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
		look
	fi
}

soon() { # wait up to a minute for a command to succeed
	n=0
	while ! "$@"; do
		n=$((n + 1))
		[ $n -lt 600 ] || return 1
		sleep 0.1
	done
}

verdict() { # the test's name; its status is the test's
	echo "$1: $passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
enroll_section() { # of a site file whose certificate server is not there
	printf '%s\n' '[enroll]' 'server = est.lab.example' "ca-fingerprint = $(printf 'a1%.0s' $(seq 32))" 'username = user' \
		'password = password' 'device = box'
}
