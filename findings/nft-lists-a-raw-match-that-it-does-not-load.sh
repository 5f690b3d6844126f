#!/bin/sh
# nftables 1.1.3-1 of Debian 13, 2026-11-28.
#
# Expected: what `nft list ruleset` prints can be given to `nft -f` again: rules are saved and restored that way.
# Seen: a rule that looks up raw octets (`@nh,96,32`) in a set declared with `typeof @nh,96,32` loads. Listed, the set keeps
#   its type, but the raw octets have become `ip saddr`, since they lie where that field does; loaded again this is refused:
#   "datatype mismatch, expected IPv4 address, expression has type integer". The same inside a concatenation. Octets that
#   have no name (`@ih,0,8`) come back as they were.
#
# Fetches the packages by this machine's own apt configuration into a temporary folder; needs root (mmdebstrap, chroot, a
# network namespace of its own, a kernel with nf_tables).
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/finding"
finding_packages "nftables=1.1.3-1,libnftables1=1.1.3-1,dash,coreutils"

rules() { printf 'table ip t {\n\tset s { typeof %s; elements = { %s } }\n\tchain c { %s @s accept\n\t}\n}\n' "$1" "$2" "$1"; }
rules '@nh,96,32' 0x0a000001 >"$tmp/root/address"
rules '@nh,96,32 . tcp dport' '0x0a000001 . 80' >"$tmp/root/concatenation"
rules 'ip saddr . @ih,0,8' '10.0.0.1 . 0x16' >"$tmp/root/nameless"

cat >"$tmp/root/play" <<-'END'
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	nft --version
	for f in address concatenation nameless; do
	  nft flush ruleset
	  nft -f /$f && echo "$f: loads"
	  nft list ruleset >/$f.listed
	  while read -r line; do
	    case $line in *accept) echo "$f: listed as: $line" ;; esac
	  done </$f.listed
	  nft flush ruleset
	  nft -f /$f.listed 2>/dev/null && echo "$f: its list loads" || echo "$f: its list is refused"
	done
END
seen=$(unshare --net chroot "$tmp/root" /usr/bin/sh /play 2>&1)
echo "$seen"
has() { echo "$seen" | grep -qxF "$1"; }
if has 'address: loads' && has 'address: listed as: ip saddr @s accept' && has 'address: its list is refused' &&
	has 'concatenation: loads' && has 'concatenation: its list is refused' &&
	has 'nameless: loads' && has 'nameless: its list loads'; then
	echo "as seen: nft does not load what it lists"
else
	echo "changed: see the head of this script"
	exit 1
fi
