# The state partition, found by its name; what lasts is only there.
find_state() {
	device=
	for u in /sys/class/block/*/uevent; do
		[ -e "$u" ] || continue
		while read -r line; do
			[ "$line" != PARTNAME=sekisho-state ] || { u=${u%/uevent}; device=/dev/${u##*/}; return; }
		done <"$u"
	done
}
tries=0
find_state
# Disks on USB and NVMe show up some seconds after the kernel.
while [ -z "$device" ] && [ $tries -lt 50 ]; do
	sleep 0.2
	tries=$((tries + 1))
	find_state
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

files=
for f in /state/site.conf /state/services/*.conf; do
	[ ! -f "$f" ] || files="$files $f"
done
[ -z "$files" ] || { chown root:sekisho $files && chmod 0640 $files; }
if [ -f /state/clock ]; then
	read -r last </state/clock
	case $last in *[!0-9]* | '') ;; *) clock_floor "$last" ;; esac
fi
