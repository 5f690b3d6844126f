/*
 * Does a TLS server's TCP stream begin with a ServerHello, which proves that the server has read the ClientHello?
 * Pure and stateless: it is called again with the same octets followed by more.
 *
 * RFC 8446 (TLS 1.3: 4.1.3 ServerHello, 4.1.4 HelloRetryRequest, 5.1 records, 6 alerts, D.4 ChangeCipherSpec), RFC 5246
 * (TLS 1.2), RFC 6066 section 3 (a warning alert before the ServerHello: unrecognized_name).
 */
#ifndef SEKISHO_SNI_SERVERHELLO_H
#define SEKISHO_SNI_SERVERHELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVERHELLO_MAX 16384     /* octets of the handshake message, without its header of 4 */
#define SERVERHELLO_OTHERS_MAX 8  /* alerts and ChangeCipherSpecs before it */

enum serverhello_read {
    SERVERHELLO_PART, /* may still become one */
    SERVERHELLO_THERE, /* complete up to its random, which distinguishes it from a HelloRetryRequest */
    SERVERHELLO_NONE  /* something else: a fatal alert, another protocol, a version before TLS 1.2 */
};

/* *retry: the stream begins with a HelloRetryRequest, so a ServerHello after it answers a second ClientHello. */
enum serverhello_read serverhello_read(const uint8_t *data, size_t len, bool *retry);

#endif
