# The clock never starts before the build time of the image; 50-state.sh then applies the last time saved.
clock_floor() {
	[ "$(date +%s)" -ge "$1" ] || date -s "@$1" >/dev/null
}
read -r built </etc/sekisho/build-time
clock_floor "$built"
