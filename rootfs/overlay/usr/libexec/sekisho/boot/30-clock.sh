# The clock never starts before this image was built; the state partition's last time seen follows in 50-state.sh.
clock_floor() {
	[ "$(date +%s)" -ge "$1" ] || date -s "@$1" >/dev/null
}
read -r built </etc/sekisho/build-time
clock_floor "$built"
