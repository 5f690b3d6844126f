# The rule set, before any interface is up. Without it the box has no network at all.
firewall=no
if nft -f /etc/sekisho/firewall.nft; then
	firewall=yes
else
	complain "The packet filter's rules could not be loaded. The box has no network. Install the image again."
fi
sysctl -q -p /etc/sysctl.conf || complain "A kernel setting was refused. See /etc/sysctl.conf."
