/*
 * Parser for a TLS ClientHello at the beginning of a TCP stream: record layer, handshake, ClientHello, extensions.
 * Pure and stateless: it is called again with the same octets followed by more. An error is reported as soon as it
 * has arrived, so that CLIENTHELLO_PART means: every octet so far belongs to a correct ClientHello.
 *
 * RFC 8446 (TLS 1.3: 4.1.2 ClientHello, 4.2 extensions, 5.1 records), RFC 5246 (TLS 1.2), RFC 6066 section 3
 * (server_name), RFC 9849 (encrypted ClientHello).
 */
#ifndef SEKISHO_SNI_CLIENTHELLO_H
#define SEKISHO_SNI_CLIENTHELLO_H

#include "msg.h"

#define CLIENTHELLO_MAX 16384      /* octets of the handshake message, without its header of 4 */
#define CLIENTHELLO_RECORDS_MAX 64 /* records that it may be split into */
#define CLIENTHELLO_EXTENSIONS_MAX 64
/* Octets of the stream up to the end of the longest ClientHello. */
#define CLIENTHELLO_STREAM_MAX (CLIENTHELLO_MAX + 4 + 5 * CLIENTHELLO_RECORDS_MAX)

enum clienthello_read {
    CLIENTHELLO_PART,  /* correct so far, but incomplete */
    CLIENTHELLO_WHOLE,
    CLIENTHELLO_WRONG /* see `what` and `why` */
};

enum clienthello_name {
    CLIENTHELLO_NAME_NONE, /* no server_name (so far) */
    CLIENTHELLO_NAME_PART, /* `name` is incomplete */
    CLIENTHELLO_NAME_WHOLE
};

struct clienthello {
    enum clienthello_name has_name;
    char name[CONF_FQDN_MAX]; /* lower case; letters, digits, dots, hyphens only */
    bool ech;        /* encrypted_client_hello is present */
    bool early_data; /* 0-RTT data may follow */
    size_t end;      /* WHOLE: offset in the stream after its last record */
    enum msg_flow_what
        what; /* WRONG: FLOW_NOT_TLS, FLOW_OLD_TLS, FLOW_BROKEN, FLOW_NO_NAME, FLOW_SECOND, FLOW_TOO_LONG */
    const char *why; /* WRONG: for the log */
};

enum clienthello_read clienthello_read(const uint8_t *data, size_t len, struct clienthello *out);

/*
 * Check what follows a ClientHello before the ServerHello: only ChangeCipherSpec (RFC 8446 appendix D.4), an alert
 * and, with early_data, application data are allowed. NULL: correct; *next is then the offset of a further handshake
 * message, or SIZE_MAX if there is none. Otherwise what is wrong (FLOW_SECOND).
 */
const char *clienthello_rest(const uint8_t *data, size_t len, bool early_data, size_t *next);

#endif
