# Makes the root read-only, and writes the result of the boot for `sekisho status`.
mount -o remount,ro,nosuid,nodev / || complain boot-root-writable
{
	echo "version 1"
	echo "firewall $firewall"
	echo "state $state"
	echo "site $site"
	printf '%s' "$causes"
} >/run/sekisho/boot/state
# Ctrl-Alt-Del: PID 1 ignores it; the kernel must not act on it either.
echo 0 >/proc/sys/kernel/ctrl-alt-del
