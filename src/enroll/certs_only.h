/*
 * Body of an EST response (RFC 7030 sections 4.1.3 and 4.2.3; RFC 8951): a certs-only PKCS#7. Shared with the fuzzer.
 */
#ifndef SEKISHO_ENROLL_CERTS_ONLY_H
#define SEKISHO_ENROLL_CERTS_ONLY_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#define CERTS_ONLY_MAX 16 /* certificates in one response */

/*
 * Parse base64 in any form, or plain DER; returns the certificates in order. The body is overwritten. NULL: not such a
 * message, no certificate or too many. The caller frees with sk_X509_pop_free(…, X509_free).
 */
STACK_OF(X509) * certs_only(char *body, size_t len);

#endif
