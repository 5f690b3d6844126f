/* The body of an EST answer (RFC 7030 4.1.3, 4.2.3; RFC 8951): a certs-only PKCS#7. Shared with the fuzzer. */
#ifndef SEKISHO_ENROLL_CERTS_ONLY_H
#define SEKISHO_ENROLL_CERTS_ONLY_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#define CERTS_ONLY_MAX 16 /* certificates in one answer */

/*
 * The certificates in it, in order: base64 in every form, or plain DER. The body is overwritten. NULL: it is no such
 * message, has no certificate or too many. The caller frees with sk_X509_pop_free(…, X509_free).
 */
STACK_OF(X509) * certs_only(char *body, size_t len);

#endif
