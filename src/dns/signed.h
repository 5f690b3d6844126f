/*
 * Answers for servers in front of the box that validate (DNSSEC): records go on as they came, signatures with them, but
 * only those of kinds that are asked for here, and no address that gate has not opened. Pure. What a resolver has sent
 * has been read by c-ares before; this walks through the octets once more and believes nothing either.
 */
#ifndef SEKISHO_DNS_SIGNED_H
#define SEKISHO_DNS_SIGNED_H

#include "dnsmsg.h"

/* Questions about zones themselves: NS, DS, DNSKEY. */
bool signed_zone_type(uint16_t type);

/*
 * Copy header, question, answer and authority of msg; nothing additional. type: what was asked. addrs: the addresses of
 * that type that may stand in the answer. TTLs above ttl_max become ttl_max. *is_signed: there is a signature. Returns the
 * length of the copy, 0: something is there that must not go on, or it does not fit.
 */
size_t signed_copy(const uint8_t *msg, size_t len, size_t question_end, uint16_t type, const struct addr *addrs,
                   unsigned count, uint32_t ttl_max, uint8_t *out, size_t room, bool *is_signed);

#endif
