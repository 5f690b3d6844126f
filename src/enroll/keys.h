/*
 * Keys and certificates, for the key part: make a key and a request, sign, and check issued certificates. All
 * certificates and keys are PEM or DER in the caller's buffers; no OpenSSL type leaves keys.c. The caller must wipe
 * private keys in its buffers.
 */
#ifndef SEKISHO_ENROLL_KEYS_H
#define SEKISHO_ENROLL_KEYS_H

#include "cause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* P-256 by default; -DENROLL_CURVE='"P-384"' for a centre that asks for it. */
#ifndef ENROLL_CURVE
#define ENROLL_CURVE "P-256"
#endif

#define KEYS_PEM_MAX 1024      /* a private key in PKCS#8 PEM */
#define KEYS_CSR_MAX 2048      /* a PKCS#10 request in DER */
#define KEYS_CERT_MAX 8192     /* one certificate in DER (= MSG_BLOB_MAX) */
#define KEYS_CERT_PEM_MAX 12288
#define KEYS_CHAIN_MAX 3       /* intermediates between the device's certificate and the CA */

/* Call before the first use: initialises OpenSSL without its configuration file and error strings. */
void keys_init(void);

/* A new private key as PKCS#8 PEM. Returns its length, 0 on failure. */
size_t keys_make(char *pem, size_t max);
/*
 * A PKCS#10 request for CN=device, signed by the key; with subjectAltName DNS:device if that is an FQDN (RFC 7030
 * section 4.2.2: re-enrolment uses the same subject and subjectAltName). Returns the DER's length, 0 on failure.
 */
size_t keys_request(const char *key_pem, size_t key_len, const char *device, uint8_t *der, size_t max);
/* Is this a request for CN=device with the public half of that key? */
bool keys_request_fits(const uint8_t *der, size_t len, const char *key_pem, size_t key_len, const char *device);
/* ECDSA over a digest, for the TLS client certificate. Returns the signature's length, 0 on failure. */
size_t keys_sign(const char *key_pem, size_t key_len, const uint8_t *digest, size_t digest_len, uint8_t *out,
                 size_t max);

struct keys_der {
    size_t len; /* 0: none */
    uint8_t *data;
};

/* The result of an enrolment, from the network part, and therefore untrusted. */
struct keys_issued {
    struct keys_der cert, ca;
    unsigned chain_count;
    struct keys_der chain[KEYS_CHAIN_MAX];
};

/*
 * May this certificate be used with that key? The CA has the fingerprint, the chain to it verifies, the public key is
 * ours, the key usages allow IKE or TLS client authentication, it is not a CA, and, if clock_trusted, it is valid
 * now. False: *why is the cause.
 */
bool keys_check(const struct keys_issued *issued, const char *key_pem, size_t key_len, const uint8_t ca_sha256[32],
                bool clock_trusted, struct cause *why);

#define KEYS_SUBJECT_MAX 1024  /* octets of the subject in DER: longer ones are refused */

/* The facts about a certificate for people, and for gate. */
struct keys_facts {
    size_t name_len;                /* the subject as in the certificate, DER */
    uint8_t name[KEYS_SUBJECT_MAX];
    char subject[256], issuer[256]; /* as strongSwan writes them: in the order of the certificate, UTF-8 */
    char serial[48];                /* hexadecimal */
    int64_t not_before, not_after;  /* UNIX time */
    uint32_t spread;                /* a hash of the certificate, uniformly distributed: spreads renewals */
};
bool keys_facts(const char *cert_pem, size_t len, struct keys_facts *out);
/* Do key and certificate match? */
bool keys_pair(const char *key_pem, size_t key_len, const char *cert_pem, size_t cert_len);

/* DER to PEM and back; the latter reads certificate number `index` of the text. Returns the length, 0 on failure. */
size_t keys_to_pem(struct keys_der cert, char *pem, size_t max);
size_t keys_to_der(const char *pem, size_t len, unsigned index, uint8_t *der, size_t max);

#endif
