/*
 * HTTPS records (RFC 9460) for PCs in a session: never handed on as they came, but written anew from what is understood.
 * What is left: alpn without HTTP/3 (QUIC is closed), and ipv4hint, whose addresses are admitted like those of an A
 * record before anybody sees them. What is not: ECH keys, IPv6 hints (the PC asks for AAAA by itself), unknown
 * parameters. A record that leads to another name or port, or that cannot be used without what was taken out, is left out.
 */
#ifndef SEKISHO_DNS_HTTPS_H
#define SEKISHO_DNS_HTTPS_H

#include "cname.h"

#include <ares.h>

enum https_result { HTTPS_TAKEN, HTTPS_LEFT_OUT, HTTPS_FORBIDDEN /* the hint is in out->addrs[0] */ };

/* Append to out->records and, for the hints, to out->addrs. name: what was asked, lower case. */
enum https_result https_take(const ares_dns_rr_t *rr, const char *name, struct cname *out);

#endif
