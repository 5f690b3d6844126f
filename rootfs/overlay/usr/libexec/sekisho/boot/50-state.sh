# The state partition, found by its name on the box's own disk; the only persistent storage. A USB stick may have a partition
# of that name too, so removable and USB disks are ignored.
find_state() {
	device= stranger= count=0
	for u in /sys/class/block/*/uevent; do
		[ -e "$u" ] || continue
		name=
		while read -r line; do
			[ "$line" != PARTNAME=sekisho-state ] || { name=${u%/uevent}; name=${name##*/}; }
		done <"$u"
		[ -n "$name" ] || continue
		place=$(readlink -f "/sys/class/block/$name")
		removable=0
		[ ! -e "${place%/*}/removable" ] || read -r removable <"${place%/*}/removable"
		case $removable$place in
		1* | */usb[0-9]*) stranger=/dev/$name ;;
		*)
			count=$((count + 1))
			device="${device:+$device+and+}/dev/$name" ;;
		esac
	done
}
tries=0
find_state
# Disks may appear some seconds after the kernel has started.
while [ -z "$device" ] && [ $tries -lt 50 ]; do
	sleep 0.2
	tries=$((tries + 1))
	find_state
done
state=no
if [ $count -gt 1 ]; then
	complain boot-states "disks=$device"
elif [ -z "$device" ] && [ -n "$stranger" ]; then
	complain boot-state-removable "disk=$stranger"
elif [ -z "$device" ]; then
	complain boot-no-state
elif ! mount -t ext4 -o nosuid,nodev,noexec,noatime,data=ordered,errors=remount-ro "$device" /state; then
	complain boot-state-unreadable "disk=$device"
else
	state=yes
fi
# Without it the programs still start, so that the console and the LEDs can show what is wrong.
[ $state = yes ] || mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=4m state /state

files=
for f in /state/site.conf /state/services/*.conf; do
	[ ! -f "$f" ] || files="$files $f"
done
[ -z "$files" ] || { chown root:sekisho $files && chmod 0640 $files; }
if [ -f /state/clock ]; then
	read -r last </state/clock
	# (At most twenty years after the image was built: an impossible time as the floor could never be lowered again.)
	case $last in
	*[!0-9]* | '' | ????????????*) ;;
	*) [ "$last" -gt $((built + 631152000)) ] || clock_floor "$last" ;;
	esac
fi
