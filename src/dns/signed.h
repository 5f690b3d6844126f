/*
 * Answers for validating (DNSSEC) servers in front of the box: records are passed on unchanged with their signatures,
 * but only types that may be queried here, and no address that gate has not allowed. Pure. c-ares has parsed the
 * answer before; this walks through the octets once more and trusts nothing either.
 */
#ifndef SEKISHO_DNS_SIGNED_H
#define SEKISHO_DNS_SIGNED_H

#include "dnsmsg.h"

/* Types of zone queries: NS, DS, DNSKEY. */
bool signed_zone_type(uint16_t type);

/*
 * Copy header, question, answer and authority section of msg, but not the additional section. type: of the query.
 * addrs: the addresses of that type that the answer may contain. TTLs are limited to ttl_max. *is_signed: there is a
 * signature. Returns the length of the copy; 0: it contains something that must not be passed on, or does not fit.
 */
size_t signed_copy(const uint8_t *msg, size_t len, size_t question_end, uint16_t type, const struct addr *addrs,
                   unsigned count, uint32_t ttl_max, uint8_t *out, size_t room, bool *is_signed);

#endif
