#!/bin/sh
# pppd 2.5.2-1+1 and OpenSSL 3.5 of Debian 13, 2026-11-28.
#
# Expected: pppd needs what its package and its ELF header name, and `pppd --version`, which touches no password and no
#   line, needs no algorithm at all. MD4 (MS-CHAP) is what OpenSSL's legacy provider is for; a line with PAP or CHAP-MD5,
#   as Japan's PPPoE lines have, never uses it.
# Seen: without ossl-modules/legacy.so pppd ends with status 1 before it reads its arguments, also for `--version`. No
#   NEEDED entry names the file (the package comes along because libssl depends on it), so an image that is cut down to
#   the libraries that its programs name has a pppd that cannot start.
#
# Fetches the packages by this machine's own apt configuration into a temporary folder; needs root (mmdebstrap, chroot).
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/finding"
finding_packages 'ppp=2.5.2-1+1,openssl-provider-legacy'

pppd() { chroot "$tmp/root" /usr/sbin/pppd --version 2>&1; }
module=$(find "$tmp/root/usr/lib" -path '*ossl-modules/legacy.so')
with=$(pppd)
with_rc=$?
needed=$(chroot "$tmp/root" /lib64/ld-linux-x86-64.so.2 --list /usr/sbin/pppd | grep -c legacy)
mv "$module" "$tmp/legacy.so"
without=$(pppd)
without_rc=$?

echo "with legacy.so:    status $with_rc, says: $with"
echo "without legacy.so: status $without_rc, says: $without"
echo "legacy.so in what the ELF headers name: $needed times"
if [ "$with_rc" -eq 0 ] && [ "$without_rc" -eq 1 ] && [ "$needed" -eq 0 ]; then
	echo "as found"
else
	echo "it has changed"
	exit 1
fi
