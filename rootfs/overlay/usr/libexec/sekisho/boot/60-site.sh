# The site file is checked as a whole; only with a valid one the LAN gets an address.
site=no
if [ $state = yes ]; then
	if [ ! -f /state/site.conf ]; then
		complain boot-no-site-file
	elif sekisho check --export /state/site.conf >/run/sekisho/boot/site 2>&1; then
		site=yes
	else
		mistake=$(sekisho check --cause /state/site.conf)
		complain boot-site-file "why=${mistake:-unknown}"
	fi
fi
[ $site = yes ] || rm -f /run/sekisho/boot/site

if [ $firewall = yes ]; then
	for i in lan0 wan0; do
		[ ! -e /sys/class/net/$i ] || ip link set $i up
	done
	if [ $site = yes ] && [ -e /sys/class/net/lan0 ]; then
		. /run/sekisho/boot/site
		ip addr add "$LAN_ADDRESS/$LAN_PREFIX" brd + dev lan0
		echo 1 >/proc/sys/net/ipv4/ip_forward
	fi
fi
