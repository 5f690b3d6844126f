# Mounts the file systems in memory. Our programs make their own folders below /run/sekisho and /state.
mount -t devtmpfs -o nosuid,noexec,mode=0755 dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=16m run /run
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=4m tmp /tmp
mkdir -p /dev/pts /run/log /run/lock /run/sekisho/boot /run/sekisho/clock /run/sekisho/wan /run/sekisho/lan
mount -t devpts -o nosuid,noexec,gid=5,mode=0620 pts /dev/pts
[ ! -d /sys/firmware/efi ] || mount -t efivarfs -o nosuid,nodev,noexec efivarfs /sys/firmware/efi/efivars 2>/dev/null
