#!/bin/sh
# strongSwan 6.0.1-6+deb13u7 of Debian 13, 2026-11-28.
#
# Expected: `swanctl --load-conns` refuses a connection whose only proposal names an algorithm that this charon does not
#   have, as it refuses a word that it does not know; or says so when it loads it.
# Seen: the words of a proposal are looked up in a table of all algorithms that strongSwan knows of. `mlkem768`, for which
#   this charon has no plugin (`swanctl --list-algs` shows none), loads "successfully"; it comes to light only when a tunnel
#   is wanted. An unknown word beside it is refused.
#
# Fetches the packages by this machine's own apt configuration into a temporary folder; needs root (mmdebstrap, chroot,
# namespaces). charon gets no network but a loopback of its own.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/finding"
v=6.0.1-6+deb13u7
finding_packages "strongswan-charon=$v,strongswan-swanctl=$v,strongswan-libcharon=$v,libstrongswan=$v,libstrongswan-standard-plugins=$v,dash,coreutils,grep"
mkdir -p "$tmp/root/run" "$tmp/root/dev" "$tmp/root/var" "$tmp/root/etc/swanctl"
[ -e "$tmp/root/var/run" ] || ln -s /run "$tmp/root/var/run"
: >"$tmp/root/dev/null"

cat >"$tmp/root/etc/strongswan.conf" <<-'END'
	charon {
	  load = random nonce openssl pem kernel-netlink socket-default vici
	  filelog { log { path = /run/charon.log
	    default = 1 } }
	}
	swanctl { load = random openssl pem }
END
one() { printf '%s { local_addrs = 127.0.0.1\n remote_addrs = 127.0.0.2\n proposals = %s\n local { auth = psk }\n remote { auth = psk } }\n' "$1" "$2"; }
{
	echo 'connections {'
	one possible aes256gcm16-prfsha384-ecp384
	one absent aes256gcm16-prfsha384-mlkem768
	one unknown aes256gcm16-prfsha384-nosuchgroup
	echo '}'
} >"$tmp/root/etc/swanctl/swanctl.conf"

cat >"$tmp/root/play" <<-'END'
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	/usr/lib/ipsec/charon >/dev/null 2>&1 &
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	  swanctl --stats >/dev/null 2>&1 && break
	  sleep 0.5
	done
	echo "key exchanges of this charon with ML_KEM in their name: $(swanctl --list-algs | grep -c ML_KEM)"
	swanctl --load-conns 2>&1 | grep -E "^loaded|^loading|failed"
END
seen=$(unshare --net --pid --fork --mount --kill-child sh -c "ip link set lo up 2>/dev/null; mount --bind /dev '$tmp/root/dev'; mkdir -p '$tmp/root/proc'; mount -t proc proc '$tmp/root/proc'; exec chroot '$tmp/root' /usr/bin/sh /play" 2>&1)
echo "$seen"
if echo "$seen" | grep -q 'in their name: 0$' && echo "$seen" | grep -q "loaded connection 'absent'" &&
	echo "$seen" | grep -q "loaded connection 'possible'" && echo "$seen" | grep -q "loading connection 'unknown' failed"; then
	echo "as found"
else
	echo "it has changed"
	exit 1
fi
