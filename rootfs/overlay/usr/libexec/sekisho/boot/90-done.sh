# What `sekisho status` shows of the start, and a root that nothing can write to any more.
{
	echo "version 1"
	echo "firewall $firewall"
	echo "state $state"
	echo "site $site"
	[ -z "$fault" ] || echo "fault $fault"
} >/run/sekisho/boot/state
# PID 1 ignores it; the kernel must not act on it either.
echo 0 >/proc/sys/kernel/ctrl-alt-del
mount -o remount,ro,nosuid,nodev / || complain "The root file system could not be made read-only."
