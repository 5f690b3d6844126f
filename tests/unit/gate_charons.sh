# Sourced by the tests of gate with real charons, from the top of the tree: a network pc - box - hub in namespaces,
# certificates, and how charons and gate are started. Makes a folder of its own ($w) and goes there.
# A test that wants another hub defines hub_children (what stands in `children`) and hub_ike anew before start_hub.

. tests/unit/checks.sh
mount_var || exit 1
w=$(mktemp -d) && chmod 755 "$w" && mkdir -p "$w/services" "$w/run/enroll" "$w/run/wan" "$w/run/audit" "$w/run/hang-guard" || exit 1
# Copies: somebody may be building meanwhile.
scripts/firewall-cat >"$w/firewall.nft" || exit 1
cp build/bin/gate build/bin/dns tests/unit/subjects.py "$w/" && cp configs/services/lab.conf "$w/services/" || exit 1
cd "$w" || exit 1
look() {
	cat run/gate/state
	tail -n 5 gate.log
}
says() { grep -qsE "^$1\$" run/gate/state; } # a line of gate/state
logged() { grep -qsE "$1" gate.log; }        # a line of gate's log
kernel() { ip netns exec box nft list map inet sekisho mode | grep -q "\"lan0\" : jump $1"; }
nothing_allowed() { ! ip netns exec box nft list set inet sekisho allow_v4 | grep -q elements; }
no_sa() { ! swanctl --list-sas --uri "unix://$w/box.vici" 2>/dev/null | grep -q INSTALLED; }
ask() { ip netns exec pc dig +tries=1 +time=12 @192.168.77.1 registry.lab.example >answer 2>&1; }
ended() { ! grep -qs '^State:.[^Z]' "/proc/$1/status"; } # also one that nobody waits for
long() { soon "$@" || soon "$@"; } # twice as long
gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- a network: pc - box - hub
# (Names of its own: those of a test before are still there, and lead nowhere.)
mkdir -p /run/netns && mount -t tmpfs netns /run/netns || exit 1
for n in pc box hub; do ip netns add $n && ip -n $n link set lo up; done
ip link add lan0 netns box type veth peer name p netns pc
ip link add wan0 netns box type veth peer name w netns hub
# The host's kernel may lack NFQUEUE, which is not needed here.
sed 's/queue to .*/drop/' firewall.nft | ip netns exec box nft -f - || exit 1
while read -r n address interface; do
	ip -n "$n" addr add "$address" dev "$interface" && ip -n "$n" link set "$interface" up
done <<-END
	box 192.168.77.1/24 lan0
	pc 192.168.77.10/24 p
	box 203.0.113.2/24 wan0
	hub 203.0.113.10/24 w
	hub 10.20.0.53/32 lo
END
ip -n box route add default via 203.0.113.10
ip -n pc route add default via 192.168.77.1

# ---- certificates, two charons
pki() { command pki "$@" 2>/dev/null; }
pki --gen --type ecdsa --size 256 >ca.key
pki --self --in ca.key --type ecdsa --dn "CN=Test CA" --ca >ca.crt
pki --gen --type ecdsa --size 256 >stranger.key
pki --self --in stranger.key --type ecdsa --dn "CN=hub.lab.example" --san hub.lab.example >stranger.crt
for n in hub box; do
	pki --gen --type ecdsa --size 256 >$n.key
	pki --issue --cacert ca.crt --cakey ca.key --type ecdsa --in $n.key --dn "C=JP, O=Clinic, CN=$n" \
		--san $n.lab.example >$n.crt
	cat >$n.conf <<-END
		charon {
			load = nonce openssl pem x509 constraints kernel-libipsec kernel-netlink socket-default vici
			retransmit_timeout = 0.5
			retransmit_tries = 2
			filelog {
				log {
					path = $w/$n.log
					default = 1
					flush_line = yes
				}
			}
			plugins {
				vici {
					socket = unix://$w/$n.vici
				}
				kernel-libipsec {
					load = yes
				}
			}
		}
	END
done
hub_ike=aes256gcm16-prfsha384-ecp384
hub_id=hub.lab.example
hub_lends=10.9.0.0/24
hub_children() {
	echo 'registry { local_ts = 10.20.0.0/16'
	echo 'esp_proposals = aes256gcm16-ecp384 }'
}
write_hub() {
	cat <<-END
		connections {
			sites {
				version = 2
				proposals = $hub_ike
				pools = pool
				local {
					auth = pubkey
					id = $hub_id
				}
				remote {
					auth = pubkey
				}
				children {
					$(hub_children)
				}
			}
		}
		pools {
			pool {
				addrs = $hub_lends
			}
		}
	END
}
at_hub() { swanctl "$@" --uri "unix://$w/hub.vici"; }
at_box() { swanctl "$@" --uri "unix://$w/box.vici"; }
start_charon() { # box or hub; its process id in $charon
	rm -f "$1.vici"
	STRONGSWAN_CONF=$w/$1.conf ip netns exec "$1" unshare -m \
		sh -c 'mount -t tmpfs x /run; exec /usr/lib/ipsec/charon' >>"$1.out" 2>&1 &
	charon=$!
	# It makes the socket, gives it away and then listens: only what comes afterwards stays.
	soon swanctl --stats --uri "unix://$w/$1.vici" >>"$1.out" 2>&1 && chmod 777 "$1.vici"
}
# Key and certificate into a charon, as enroll does it.
credentials() { # which charon, whose
	python3 - "$1.vici" "$2.crt" ca.crt "$2.key" <<-'END'
		import socket, struct, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		def kv(key, value):
		    return bytes([3, len(key)]) + key + struct.pack(">H", len(value)) + value
		def ask(command, *pairs):
		    body = bytes([0, len(command)]) + command + b"".join(kv(*p) for p in pairs)
		    s.sendall(struct.pack(">I", len(body)) + body)
		    length = struct.unpack(">I", s.recv(4, socket.MSG_WAITALL))[0]
		    assert b"success\0\3yes" in s.recv(length, socket.MSG_WAITALL), command
		data = [open(f, "rb").read() for f in sys.argv[2:]]
		ask(b"load-cert", (b"type", b"X509"), (b"flag", b"NONE"), (b"data", data[0]))
		ask(b"load-cert", (b"type", b"X509"), (b"flag", b"CA"), (b"data", data[1]))
		ask(b"load-key", (b"type", b"any"), (b"data", data[2]))
	END
}
start_hub() { # with whose certificate
	start_charon hub && hub=$charon
	write_hub >hub.swanctl
	at_hub --load-all --noprompt --file hub.swanctl >>hub.out 2>&1
	credentials hub "$1"
}
start_box_charon() { start_charon box && box=$charon && credentials box box; }
start_gate() {
	ip netns exec box "$w/gate" -s site.conf -d services -r run -n "$w/dns" -v "$w/box.vici" >>gate.log 2>&1 &
	pid=$!
}

ip netns exec hub dnsmasq --no-daemon --listen-address=10.20.0.53 --bind-interfaces --no-resolv --no-hosts \
	--address=/registry.lab.example/10.20.0.80 --address=/left.lab.example/10.21.0.80 --pid-file= >dns.out 2>&1 &
dns=$!
printf 'version 1\nlink up\naddress 203.0.113.2\ndns 203.0.113.53\n' >run/wan/state
python3 subjects.py tell box.crt
site() { # outside-session
	cat <<-END
		[site]
		name = Test
		service = lab
		idle = 20s
		outside-session = $1
		[wan]
		mode = dhcp
		$(enroll_section)
	END
}

