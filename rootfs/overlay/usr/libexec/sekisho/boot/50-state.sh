# The state partition, found by its name; what lasts is only there.
find_state() {
	for u in /sys/class/block/*/uevent; do
		if grep -qsx PARTNAME=sekisho-state "$u"; then
			u=${u%/uevent}
			echo "/dev/${u##*/}"
			return
		fi
	done
}
tries=0
device=$(find_state)
# Disks on USB and NVMe show up some seconds after the kernel.
while [ -z "$device" ] && [ $tries -lt 50 ]; do
	sleep 0.2
	tries=$((tries + 1))
	device=$(find_state)
done
state=no
if [ -z "$device" ]; then
	complain "There is no state partition (sekisho-state). The box stays closed. Write the image to the disk again."
elif ! mount -t ext4 -o nosuid,nodev,noexec,noatime,data=ordered,errors=remount-ro "$device" /state; then
	complain "The state partition $device cannot be read. The box stays closed. Write the image to the disk again."
else
	state=yes
fi
# Without it the programs still start, so that the console and the lights can say what is wrong.
[ $state = yes ] || mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=4m state /state

mkdir -p /state/services /state/keys /state/audit
chown root:sekisho /state/services && chmod 0755 /state/services
for f in /state/site.conf /state/services/*.conf; do
	[ ! -f "$f" ] || { chown root:sekisho "$f" && chmod 0640 "$f"; }
done
chown enroll:enroll /state/keys && chmod 0700 /state/keys
chown audit:sekisho /state/audit && chmod 0750 /state/audit
if [ -f /state/clock ]; then
	read -r last </state/clock
	case $last in *[!0-9]* | '') ;; *) clock_floor "$last" ;; esac
fi
