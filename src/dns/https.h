/*
 * HTTPS records (RFC 9460) for PCs in a session: never passed on unchanged, but rewritten from the known parameters.
 * Kept are alpn without HTTP/3 (QUIC is blocked), and ipv4hint, whose addresses are admitted like those of an A
 * record before they are served. Dropped are ECH keys, IPv6 hints (the PC asks for AAAA itself) and unknown
 * parameters. A record with another target name or port, or one that is unusable without a dropped parameter, is left
 * out.
 */
#ifndef SEKISHO_DNS_HTTPS_H
#define SEKISHO_DNS_HTTPS_H

#include "cname.h"

#include <ares.h>

enum https_result { HTTPS_TAKEN, HTTPS_LEFT_OUT, HTTPS_FORBIDDEN /* the hint is in out->addrs[0] */ };

/* Append to out->records and, for the hints, to out->addrs. name: of the query, lower case. */
enum https_result https_take(const ares_dns_rr_t *rr, const char *name, struct cname *out);

#endif
