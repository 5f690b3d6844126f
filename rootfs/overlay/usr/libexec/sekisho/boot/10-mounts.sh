# File systems that exist only in memory, and the folders of the daemons in them.
chmod 0755 /
mount -t devtmpfs -o nosuid,noexec,mode=0755 dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mkdir -p /dev/pts
mount -t devpts -o nosuid,noexec,gid=5,mode=0620 pts /dev/pts
mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=16m run /run
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=4m tmp /tmp
[ ! -d /sys/firmware/efi ] || mount -t efivarfs -o nosuid,nodev,noexec efivarfs /sys/firmware/efi/efivars 2>/dev/null

mkdir -p /run/log /run/lock /run/sekisho
for d in gate enroll status audit; do
	mkdir -p /run/sekisho/$d
	chown $d:sekisho /run/sekisho/$d
done
for d in wan lan; do
	mkdir -p /run/sekisho/$d
	chown $d:$d /run/sekisho/$d
done
mkdir -p /run/sekisho/clock /run/sekisho/boot
