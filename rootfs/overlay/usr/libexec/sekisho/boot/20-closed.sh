# Loads the ruleset before any interface is up. If that fails, the box has no network at all.
firewall=no
if nft -f /etc/sekisho/firewall.nft; then
	firewall=yes
else
	complain boot-firewall
fi
sysctl -q -p /etc/sysctl.conf || complain boot-sysctl
