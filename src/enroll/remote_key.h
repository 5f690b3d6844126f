/*
 * A private key in another process: OpenSSL signs the TLS handshake by asking the key part.
 *
 * It is an EC_KEY_METHOD: deprecated since OpenSSL 3.0, but still in the 3.5 that ships, and forty lines where a
 * provider would need several hundred.
 */
#ifndef SEKISHO_ENROLL_REMOTE_KEY_H
#define SEKISHO_ENROLL_REMOTE_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

/* Sign the digest; write a DER signature of at most max octets. Returns its length, 0 on failure. */
typedef size_t remote_sign_fn(void *user, const uint8_t *digest, size_t len, uint8_t *out, size_t max);

/*
 * The EC key of cert, which signs by calling fn(user, …). Only one per process. NULL: not an EC key, or out of
 * memory.
 */
EVP_PKEY *remote_key(const X509 *cert, remote_sign_fn *fn, void *user);

#endif
