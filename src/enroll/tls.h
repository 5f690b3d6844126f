/* One HTTPS request over its own connection, with one time limit for everything. For the network part's worker. */
#ifndef SEKISHO_ENROLL_TLS_H
#define SEKISHO_ENROLL_TLS_H

#include "cause.h"
#include "conf.h"
#include "http.h"

#include <openssl/x509.h>

struct tls_peer {
    const char *host; /* name or address: what the certificate must say */
    uint16_t port;
    unsigned addr_count;
    const struct addr *addrs;
    X509_STORE *trust;  /* NULL: anybody (only to fetch what is then checked by its fingerprint) */
    unsigned pin_count; /* not 0: only a chain with one of these certificates counts (SHA-256), whatever trust says */
    const uint8_t (*pins)[32];
    X509 *client;       /* NULL: no client certificate */
    EVP_PKEY *client_key;
    int64_t until_ms;   /* of clock_monotonic_ms */
};

/*
 * Send the request and read the response into buffer (HTTP_RESPONSE_MAX octets). True: *out is a complete response,
 * whatever its status. False: *fault says why. TLS 1.2 at least: RFC 7030 servers in use do not all have 1.3.
 */
bool tls_fetch(const struct tls_peer *peer, const char *request, size_t len, char *buffer, struct http_response *out,
               struct cause *fault);

#endif
