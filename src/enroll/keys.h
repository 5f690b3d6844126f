/*
 * What the key part does with keys and certificates: make a key and a request, sign, and check what came back. All
 * certificates and keys are PEM or DER in the caller's buffers; no OpenSSL type leaves keys.c. Private key material in
 * those buffers is the caller's to wipe.
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

/* Before the first use: the library without its configuration file and its error texts. */
void keys_init(void);

/* A new private key as PKCS#8 PEM. Returns its length, 0 on failure. */
size_t keys_make(char *pem, size_t max);
/*
 * A request for CN=device, signed by the key; with subjectAltName DNS:device if that is a full host name (RFC 7030
 * 4.2.2: re-enrolment asks for the same subject and subjectAltName). Returns the DER's length, 0 on failure.
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

/* What an enrolment brought: from the network part, so nothing of it is believed yet. */
struct keys_issued {
    struct keys_der cert, ca;
    unsigned chain_count;
    struct keys_der chain[KEYS_CHAIN_MAX];
};

/*
 * May this certificate be used with that key? The CA is the one of the fingerprint, the chain to it holds, the public
 * key is ours, the uses allow IKE or TLS client authentication, it is no CA, and, if clock_trusted, it is valid now.
 * False: *why says what is wrong.
 */
bool keys_check(const struct keys_issued *issued, const char *key_pem, size_t key_len, const uint8_t ca_sha256[32],
                bool clock_trusted, struct cause *why);

#define KEYS_SUBJECT_MAX 1024  /* the subject's name in DER: longer ones are refused */

/* What people, and gate, are told about a certificate. */
struct keys_facts {
    size_t name_len;                /* the subject's name as it stands in the certificate, DER */
    uint8_t name[KEYS_SUBJECT_MAX];
    char subject[256], issuer[256]; /* as strongSwan writes them: in the order of the certificate, UTF-8 */
    char serial[48];                /* hexadecimal */
    int64_t not_before, not_after;  /* UNIX time */
    uint32_t spread;                /* a number fixed by the certificate, even over all: spreads renewals */
};
bool keys_facts(const char *cert_pem, size_t len, struct keys_facts *out);
/* Do key and certificate belong together? */
bool keys_pair(const char *key_pem, size_t key_len, const char *cert_pem, size_t cert_len);

/* DER to PEM and back; the reverse takes the certificate number `index` of the text. Length, 0 on failure. */
size_t keys_to_pem(struct keys_der cert, char *pem, size_t max);
size_t keys_to_der(const char *pem, size_t len, unsigned index, uint8_t *der, size_t max);

#endif
