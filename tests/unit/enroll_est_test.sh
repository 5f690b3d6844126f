#!/bin/sh
# enroll as it runs on the box, against a third-party EST server (estserver) and Debian's charon, in a network
# namespace of its own: first enrolment, renewal, restarts, every refusal, and the exit of either of its two parts.
#
# Run inside the workshop, from the top: sh tests/unit/enroll_est_test.sh   (as root; about 30 s; needs build/bin/enroll)
[ -n "${ENROLL_TEST_INSIDE:-}" ] ||
	ENROLL_TEST_INSIDE=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/checks.sh
mount_var || exit 1
w=$(mktemp -d) && chmod 755 "$w" && mkdir -p "$w/est/newcerts" "$w/bin" || exit 1
[ -x build/bin/enroll ] || make -s -f src/build.mk build/bin/enroll || exit 1
cp build/bin/enroll "$w/bin/" || exit 1 # a copy: somebody may be building meanwhile
top=$PWD
cd "$w" || exit 1
ip link set lo up && ip addr add 192.0.2.10/32 dev lo && ip addr add 192.0.2.53/32 dev lo || exit 1

look() {
	cat box/run/sekisho/enroll/state 2>/dev/null
	tail -n 5 enroll.log
}
not() { ! "$@"; }
says() { grep -qsE "^$1\$" box/run/sekisho/enroll/state; }
value() { sed -n "s/^$1 //p" box/run/sekisho/enroll/state; }
issued() { [ "$(wc -l <est/index.txt)" -eq "$1" ]; } # so many certificates by the centre so far

# ---- the centre
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Lab CA" -keyout est/ca.key \
	-out est/ca.crt -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=est.lab" -keyout est/server.key \
	-out est/server.csr 2>/dev/null
printf '%s\n' "basicConstraints=CA:FALSE" "extendedKeyUsage=serverAuth" "subjectAltName=DNS:est.lab" >est/server.ext
openssl x509 -req -in est/server.csr -CA est/ca.crt -CAkey est/ca.key -CAcreateserial -days 365 -extfile est/server.ext \
	-out est/server.crt 2>/dev/null
: >est/index.txt
echo 1000 >est/serial
cat >est/ca.cnf <<-END
	[ca]
	default_ca = lab
	[lab]
	database = $w/est/index.txt
	new_certs_dir = $w/est/newcerts
	certificate = $w/est/ca.crt
	serial = $w/est/serial
	private_key = $w/est/ca.key
	default_days = 30
	default_md = sha256
	policy = any
	unique_subject = no
	copy_extensions = copy
	x509_extensions = client
	[any]
	commonName = supplied
	[client]
	basicConstraints = CA:FALSE
	keyUsage = critical,digitalSignature
	extendedKeyUsage = clientAuth
END
fingerprint=$(openssl x509 -in est/ca.crt -outform DER | sha256sum | cut -d' ' -f1)
start_est() {
	(cd est && EST_TRUSTED_CERTS=ca.crt EST_CACERTS_RESP=ca.crt EST_OPENSSL_CACONFIG=$w/est/ca.cnf \
		exec estserver -c server.crt -k server.key -r sekisho -p 8085 -o </dev/null >>../est.log 2>&1) &
	est=$!
}
dnsmasq --no-daemon --user=root --no-resolv --no-hosts --bind-interfaces --listen-address=192.0.2.53 --pid-file= \
	--address=/est.lab/192.0.2.10 >dns.log 2>&1 &

# ---- the box
start_charon() { # its plugins
	cat >strongswan.conf <<-END
		charon {
			load = ${1:-nonce openssl pem x509 constraints kernel-netlink socket-default vici}
			plugins { vici { socket = unix://$w/box/run/charon.vici } }
		}
	END
	rm -f box/run/charon.vici # of one that was killed
	STRONGSWAN_CONF=$w/strongswan.conf /usr/lib/ipsec/charon >charon.log 2>&1 &
	charon=$!
	# It makes the socket, gives it away and then listens: only what comes afterwards stays.
	soon swanctl --stats --uri "unix://$w/box/run/charon.vici" >/dev/null 2>&1
	chgrp 610 box/run/charon.vici && chmod 0770 box/run/charon.vici
}
certs() { swanctl --list-certs --uri "unix://$w/box/run/charon.vici" 2>/dev/null; }
site() { # password, fingerprint, server: a box that has nothing yet
	rm -rf --one-file-system box/state box/run/sekisho
	mkdir -p box/state box/run/sekisho/wan box/run/sekisho/clock
	printf 'version 1\nlink up\ndns 192.0.2.53\n' >box/run/sekisho/wan/state
	printf 'version 1\ntrusted yes\n' >box/run/sekisho/clock/state
	cat >box/state/site.conf <<-END
		[site]
		name = Test
		service = lab
		[wan]
		mode = dhcp
		[enroll]
		server = $3
		ca-fingerprint = $2
		username = estuser
		password = $1
		device = box-1.lab
	END
}
start_box() {
	# of a former run only what it must take over, so that nothing old is believed below
	[ ! -e box/run/sekisho/enroll/state ] || sed -i '/^version\|^requests/!d' box/run/sekisho/enroll/state
	bin/enroll -d "$w/box" >>enroll.log 2>&1 &
	box=$!
}
parts() { ps -e -o pid= -o user:12= -o comm= | grep -E ' (enroll|enroll-net)$'; }
no_charon() { ! kill -0 "$charon" 2>/dev/null; }
no_parts() { [ -z "$(parts)" ]; }
stop_box() {
	kill "$box" 2>/dev/null
	soon no_parts
}
net_part() { parts | sed -n 's/^ *\([0-9]*\) .* enroll-net$/\1/p' | head -n 1; }
renew() { # `sekisho cert renew`, byte for byte
	python3 - box/run/sekisho/enroll/ctl.sock <<-END
		import socket, struct, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		s.send(struct.pack("=HHI", 98, 0, 0))
		answer = s.recv(1024)
		sys.exit(answer[8] != 1)
	END
}
pair_fits() {
	[ "$(openssl x509 -in box/state/keys/current/cert.pem -noout -pubkey)" = \
		"$(openssl pkey -in box/state/keys/current/key.pem -pubout)" ]
}
in_charon() { # the certificate in use is there, once, with its key
	list=$(certs)
	serial=$(value serial | tr A-F a-f)
	[ "$(echo "$list" | grep -c 'has private key')" -eq 1 ] && echo "$list" | tr -d : | grep -q "serial: *0*$serial\|serial *0*$serial"
}

site estpwd "$fingerprint" est.lab:8085
start_charon
start_box
ok "without the server the box waits and says why" soon says "cause est-unreachable server=est.lab port=8085 error=[0-9]+"
ok "... and that is no alarm" says "phase waiting"
start_est
ok "the server comes up: enrolled by fingerprint and password" soon says "phase valid"
ok "no fault is left" not says "cause.*"
ok "the certificate is loaded into charon" soon says "loaded yes"
ok "charon has it with its key" in_charon
ok "key and certificate are a pair" pair_fits
ok "its name is the device's" says "subject CN=box-1.lab"
ok "nobody else can read the keys" [ "$(stat -c '%a %u' box/state/keys box/state/keys/gen-1/key.pem | tr '\n' ,)" = "700 604,600 604," ]
ok "the network part is another user with an empty root" \
	[ "$(stat -c %u "/proc/$(net_part)") $(readlink "/proc/$(net_part)/root")" = "605 /var/empty" ]
ok "the exchange tells its peak memory" soon grep -qE 'exchange ended with status 0, peak memory [0-9]+ KiB' enroll.log

old=$(value serial)
ok "renewal is taken on request" renew
ok "renewed with a new key" soon says "generation 2"
ok "it is another certificate" [ "$(value serial)" != "$old" ]
ok "the old key is not used again" not cmp -s box/state/keys/gen-1/key.pem box/state/keys/gen-2/key.pem
ok "the new pair fits and is loaded" soon says "loaded yes"
ok "charon has the new one and only that" in_charon

kill -9 "$charon"
ok "charon dies: the state says so" soon says "loaded no"
start_charon
ok "charon is back: loaded again" soon says "loaded yes"

stop_box
start_box
ok "after a restart the stored pair is in use" soon says "loaded yes"
ok "... without asking again" issued 2
ok "... and the day's requests are counted on" says "requests 3"

kill -9 "$(net_part)"
ok "the network part dies: so does the key part" soon no_parts
start_box
soon says "phase valid"
kill -9 "$box"
ok "the key part dies: so does the network part" soon no_parts

kill "$est"
wait "$est" # its port is free again
site wrong-password "$fingerprint" est.lab:8085
start_est
start_box
ok "a wrong password: an alarm with its reason" soon says "cause est-refuses-password"
ok "... and nothing is stored as a pair" not test -e box/state/keys/current
ok "... and the alarm is on" says "phase alarm"
stop_box

site estpwd "$(echo "$fingerprint" | tr 0-9a-f 1-9a-f0)" est.lab:8085
start_box
ok "another CA than the site file's: refused" soon says "cause est-other-ca words=[0-9a-f]{8}"
ok "... and nothing was issued" issued 2
stop_box

# ---- a server behind Apache, its TLS certificate from a public CA: sends on within itself, asks for certificates late
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Public CA" -keyout est/public.key \
	-out est/public.crt 2>/dev/null
openssl x509 -req -in est/server.csr -CA est/public.crt -CAkey est/public.key -CAcreateserial -days 365 \
	-extfile est/server.ext 2>/dev/null | cat - est/public.crt >est/public-server.crt
public=$(openssl x509 -in est/public.crt -outform DER | sha256sum | cut -d' ' -f1)
(cd est && exec python3 "$top/tests/unit/est_server.py" 192.0.2.10 8087 public-server.crt server.key >../quirks.log 2>&1) &
soon nc -z 192.0.2.10 8087
before=$(wc -l <est/index.txt)
site estpwd "$fingerprint" est.lab:8087
start_box
ok "TLS from a CA that nobody named: refused" soon says "cause est-tls-other-ca words=.*"
ok "... and nothing was issued" issued "$before"
stop_box
asked=$(grep -c cacerts quirks.log)
site estpwd "$fingerprint" est.lab:8087
sed -i "s/^username/server-ca = $fingerprint\n&/" box/state/site.conf
start_box
ok "... nor from another than the site file names for it" soon says "cause est-tls-not-pinned words=.*"
ok "... and it was asked for nothing" [ "$(grep -c cacerts quirks.log)" -eq "$asked" ]
stop_box
site estpwd "$fingerprint" est.lab:8087
sed -i "s/^username/server-ca = $public\n&/" box/state/site.conf
start_box
ok "named by server-ca: enrolled, over a redirect to the same server" soon says "phase valid"
ok "... the request went to the other path, with its body" grep -q 'POST /moved/.well-known/est/simpleenroll' quirks.log
ok "renewal at a server that asks for the certificate late" renew
ok "... renewed with the box's key" soon says "generation 2"
ok "... which it has shown" grep -q "renewal by .*box-1.lab" quirks.log
stop_box

# ---- what a server leaves out is told as left out, and what it should not say as what it is
leaves_out() { # label, what is said
	site estpwd "$fingerprint" est.lab:8087
	sed -i "s/^username/server-ca = $public\nlabel = $1\n&/" box/state/site.conf
	start_box
	ok "a server that leaves out what it means ($1): said so" soon says "cause $2"
	stop_box
}
leaves_out nowhere est-no-location
leaves_out curt est-no-login
leaves_out mute "est-fault status=500 words="
leaves_out html est-no-certs
leaves_out forbid 'est-refuses status=403 words=not\+you'
leaves_out later est-pending
leaves_out digest 'est-other-login words=Digest.*'
leaves_out round est-circle
leaves_out elsewhere 'est-elsewhere words=https://other.example/est'
leaves_out bye 'est-broke-off why=est-closed'
leaves_out half 'est-broke-off why=est-closed'
leaves_out noise est-not-http
leaves_out other-key est-other-key
leaves_out other-ca est-cert-other-ca

site estpwd "$fingerprint" est.lab:8087
sed -i "s/^username/server-ca = $public\nlabel = forget\n&/" box/state/site.conf
start_box
ok "a server gives a certificate ..." soon says "loaded yes"
ok "... and is asked to renew it" renew
ok "... and does not know it any more: said so" soon says "cause est-refuses-cert"
ok "... and the certificate stays in use" says "loaded yes"
stop_box
# A charon that cannot read certificates and keys: without the plugins for it.
kill -9 "$charon"
soon no_charon
site estpwd "$fingerprint" est.lab:8085
start_charon "nonce random sha1 hmac kernel-netlink socket-default vici"
start_box
ok "charon does not take the certificate: said so" soon says "cause vpn-refuses-cert words=.*"
kill -9 "$charon"
soon no_charon
start_charon
ok "... and does again: loaded" soon says "loaded yes"
ok "... and nothing is said" not says "cause vpn.*"
stop_box

# One that speaks TLS with none of the box's ciphers: it sends an alert.
(cd est && exec openssl s_server -accept 192.0.2.10:8088 -cert public-server.crt -key server.key -tls1_2 -cipher AES128-SHA \
	-quiet >../alert.log 2>&1) &
soon nc -z 192.0.2.10 8088
site estpwd "$fingerprint" est.lab:8088
start_box
ok "a server that refuses TLS: said so" soon says "cause est-tls-refused why=.*"
stop_box

site estpwd "$fingerprint" est.lab:8087
sed -i /^dns/d box/run/sekisho/wan/state
start_box
ok "no DNS server is known: said so" soon says "cause est-unresolved server=est.lab why=est-no-dns"
stop_box

sed -i 's/^service = lab/colour = red/' box/state/site.conf
start_box
ok "a site file with a mistake: nothing is done, the line is named" soon says "cause file-wrong file=.*site.conf line=3 remedy=keys-of-site why=key-unknown key=colour section=site"
stop_box

nc -lk 192.0.2.10 8086 >silent.log &
site estpwd "$fingerprint" est.lab:8086
start_box
ok "a silent server is being asked" soon test -s silent.log
kill -9 "$(pgrep -P "$(net_part)")"
ok "who reads the server's answer dies: said so" soon says "cause est-reader-signal signal=9"
stop_box
site estpwd "$fingerprint" nowhere.lab:8086
start_box
ok "a server whose name is not known: said so" soon says "cause est-unresolved server=nowhere.lab why=.*"
stop_box
: >silent.log
site estpwd "$fingerprint" est.lab:8086
start_box
ok "a silent server is asked again" soon test -s silent.log
kill -9 "$box"
ok "the key part dies in an exchange: everything of it ends" soon no_parts

verdict enroll_est
