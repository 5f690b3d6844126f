# Renames the network interfaces to their roles, by the board's map: the n-th interface in the order of PCI addresses.
cards=
for device in /sys/bus/pci/devices/*; do
	for n in "$device"/net/* "$device"/virtio*/net/*; do
		[ ! -e "$n" ] || cards="$cards ${n##*/}"
	done
done
while read -r role number _; do
	case $role in '' | \#*) continue ;; esac
	i=0
	for card in $cards; do
		i=$((i + 1))
		[ $i = "$number" ] || continue
		ip link set "$card" name "$role"
		# The packet filter also identifies the uplink's interface by a number (configs/firewall.nft).
		[ "$role" != wan0 ] || echo 2 >/sys/class/net/wan0/netdev_group
		break
	done
	[ -e "/sys/class/net/$role" ] || complain boot-no-card "role=$role" "number=$number"
done </etc/sekisho/ports
# The settings for "all" do not apply to interfaces that existed before them.
for c in /proc/sys/net/ipv6/conf/*; do
	for k in accept_ra autoconf accept_redirects accept_source_route; do echo 0 >"$c/$k"; done
done
ip link set lo up
