"""The lab's certificates, made with openssl at first use into build/lab/pki and never kept elsewhere.

One CA ("Lab CA") stands for the centre's: it signs the hub, the EST server and, through estserver, the boxes. A second
one ("Web CA") signs the web sites, a third ("Strange CA") signs wrong certificates for tests.
The boxes' issuing database is made new for every lab (Issuer), so one scenario's certificates are not another's.
"""

import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
import time

import topology as t

FOLDER = "build/lab/pki"

ISSUER = """[ ca ]
default_ca = lab
[ lab ]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}/newcerts
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
serial = {dir}/serial
crlnumber = {dir}/crlnumber
default_startdate = {start}
default_days = 30
default_crl_days = 30
default_md = sha256
policy = any
email_in_dn = no
unique_subject = no
copy_extensions = copy
x509_extensions = client
crl_extensions = list
[ list ]
authorityKeyIdentifier = keyid
[ any ]
commonName = supplied
[ client ]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(*args):
    done = subprocess.run(("openssl",) + args, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def _key(rsa=0):
    """openssl's arguments for a new key: P-256, or RSA with so many bits."""
    return (*(("-newkey", f"rsa:{rsa}") if rsa else ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")), "-nodes")


def _authority(d, name, title, rsa=0, above=None):
    """A CA; above: the CA that signs it, otherwise it is self-signed."""
    signer = ("-CA", f"{d}/{above}.crt", "-CAkey", f"{d}/{above}.key") if above else ()
    openssl("req", "-x509", *_key(rsa), *signer, "-days", "7300", "-subj", f"/CN={title}", "-keyout", f"{d}/{name}.key",
            "-out", f"{d}/{name}.crt", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def _server(d, authority, name, names, addresses, key=_key(), subject=None):
    extensions = f"{d}/{name}.ext"
    san = ",".join([f"DNS:{n}" for n in names] + [f"IP:{a}" for a in addresses])
    with open(extensions, "w") as f:
        f.write("basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
                f"subjectAltName={san}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("req", *key, "-subj", f"/CN={subject or names[0]}", "-keyout", f"{d}/{name}.key", "-out", f"{d}/{name}.csr")
    openssl("x509", "-req", "-in", f"{d}/{name}.csr", "-CA", f"{d}/{authority}.crt", "-CAkey", f"{d}/{authority}.key",
            "-CAcreateserial", "-days", "3650", "-extfile", extensions, "-out", f"{d}/{name}.crt")
    os.unlink(f"{d}/{name}.csr")
    os.unlink(extensions)


def ensure():
    """Make the lasting certificates unless they are there. Two labs may start at once: only one makes them."""
    os.makedirs("build/lab", exist_ok=True)
    with open("build/lab/pki.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(FOLDER + "/complete"):
            return
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER, mode=0o700)
        _authority(FOLDER, "ca", "Lab CA")
        _authority(FOLDER, "web", "Web CA")
        _authority(FOLDER, "strange", "Strange CA")
        _server(FOLDER, "ca", "hub", [t.HUB_NAME], [t.HUB])
        _server(FOLDER, "ca", "est", [t.EST_NAME], [t.EST])
        _server(FOLDER, "strange", "strange-est", [t.EST_NAME], [t.EST])
        _server(FOLDER, "web", "registry", [t.REGISTRY_NAME, t.FORMS_NAME], [t.REGISTRY])
        _server(FOLDER, "web", "unlisted", [t.UNLISTED_NAME], [t.UNLISTED])
        _server(FOLDER, "web", "decoy", [t.DECOY_NAME], [t.DECOY, t.DECOY6])
        open(FOLDER + "/complete", "w").close()


def site(name, names, addresses, rsa=False):
    """One more web site's certificate, made when it is first asked for; its name for path()."""
    with open("build/lab/pki.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path(name + ".crt")):
            _server(FOLDER, "web", name, names, addresses, _key(2048 if rsa else 0))
    return name


def hub(name, identity, address, authority="ca", rsa=0, subject=None):
    """A hub's certificate; its name for path()."""
    with open("build/lab/pki.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path(name + ".crt")):
            _server(FOLDER, authority, name, [identity], [address], _key(rsa), subject)
    return name


def authority_below(name, title, above, rsa):
    """An intermediate CA; its name for path()."""
    with open("build/lab/pki.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path(name + ".crt")):
            _authority(FOLDER, name, title, rsa, above)
    return name


def person(name):
    """A client certificate of the Web CA, as a registry gives one to a person; its name for path()."""
    with open("build/lab/pki.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path(name + ".crt")):
            new, extensions = path(name + ".csr"), path(name + ".ext")
            with open(extensions, "w") as f:
                f.write("basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n")
            openssl("req", *_key(), "-subj", f"/CN={name}", "-keyout", path(name + ".key"), "-out", new)
            openssl("x509", "-req", "-in", new, "-CA", path("web.crt"), "-CAkey", path("web.key"), "-CAcreateserial",
                    "-days", "3650", "-extfile", extensions, "-out", path(name + ".crt"))
    return name


def path(name):
    return os.path.abspath(f"{FOLDER}/{name}")


def fingerprint(name="ca.crt"):
    """SHA-256 of the certificate's DER, in the site file's form."""
    with open(path(name)) as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


class Issuer:
    """The CA's database of one lab: what estserver signs with, and the list of what was revoked."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder + "/newcerts")
        for name in ("ca.crt", "ca.key"):
            shutil.copy(path(name), self.folder)
        # Backdated, as CAs do: a clock slightly behind (warm.py) must accept the certificate.
        start = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() - 3600))
        for name, text in (("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n"),
                           ("ca.cnf", ISSUER.format(dir=self.folder, start=start))):
            with open(f"{self.folder}/{name}", "w") as f:
                f.write(text)

    def issued(self):
        """Serial numbers of all certificates given out, in order, upper case hexadecimal."""
        with open(self.folder + "/index.txt") as f:
            return [line.split("\t")[3] for line in f]

    def give(self, folder):
        """Its files, for a scenario that starts from this snapshot."""
        os.makedirs(folder, exist_ok=True)
        for name in ("index.txt", "serial"):
            shutil.copy(f"{self.folder}/{name}", folder)

    def take(self, folder):
        for name in ("index.txt", "serial"):
            shutil.copy(f"{folder}/{name}", self.folder)

    def revoke(self, serial):
        """Mark it in the database, as `openssl ca -revoke` would: estserver keeps no copy for that command to read."""
        path = self.folder + "/index.txt"
        with open(path) as f:
            rows = [line.split("\t") for line in f]
        for row in rows:
            if row[3] == serial:
                row[0], row[2] = "R", time.strftime("%y%m%d%H%M%SZ", time.gmtime())
        with open(path, "w") as f:
            f.writelines("\t".join(row) for row in rows)

    def crl(self):
        """The revocation list, as a file of PEM."""
        openssl("ca", "-config", self.folder + "/ca.cnf", "-gencrl", "-out", self.folder + "/ca.crl")
        return self.folder + "/ca.crl"
