/*
 * A private key that is somewhere else: OpenSSL signs the TLS handshake with it by asking the key part.
 *
 * Done as an EC_KEY_METHOD: deprecated since OpenSSL 3.0 but there in the 3.5 that ships, and forty lines, where a
 * provider that does the same is several hundred.
 */
#ifndef SEKISHO_ENROLL_REMOTE_KEY_H
#define SEKISHO_ENROLL_REMOTE_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

/* Sign the digest; write at most max octets of DER signature. Octets written, 0: no. */
typedef size_t remote_sign_fn(void *user, const uint8_t *digest, size_t len, uint8_t *out, size_t max);

/* The EC key of cert, which signs by calling fn(user, …). One in a process. NULL: not an EC key, or out of memory. */
EVP_PKEY *remote_key(const X509 *cert, remote_sign_fn *fn, void *user);

#endif
