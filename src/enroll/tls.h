/* One HTTPS request over its own connection, with one overall time limit. For the network part's worker. */
#ifndef SEKISHO_ENROLL_TLS_H
#define SEKISHO_ENROLL_TLS_H

#include "cause.h"
#include "conf.h"
#include "http.h"

#include <openssl/x509.h>

struct tls_peer {
    const char *host; /* name or address that the certificate must match */
    uint16_t port;
    unsigned addr_count;
    const struct addr *addrs;
    X509_STORE *trust;  /* NULL: no verification (only to fetch a CA that is then checked by its fingerprint) */
    unsigned pin_count; /* not 0: the chain must contain a certificate with one of these SHA-256; replaces trust */
    const uint8_t (*pins)[32];
    X509 *client;       /* NULL: no client certificate */
    EVP_PKEY *client_key;
    int64_t until_ms;   /* of clock_monotonic_ms */
};

/*
 * Send the request and read the response into buffer (HTTP_RESPONSE_MAX octets); out->body points into it. True: *out
 * is a complete response of any status. False: *fault is the cause. TLS 1.2 or later: not all EST servers in use have
 * 1.3.
 */
bool tls_fetch(const struct tls_peer *peer, const char *request, size_t len, char *buffer, struct http_response *out,
               struct cause *fault);

#endif
