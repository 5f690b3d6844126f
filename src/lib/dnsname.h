/* Names in DNS wire form: labels, each after its length octet, and a zero (RFC 1035 section 3.1). Pure. */
#ifndef SEKISHO_DNSNAME_H
#define SEKISHO_DNSNAME_H

#include <stddef.h>
#include <stdint.h>

#define DNS_WIRE_NAME_MAX 255
#define DNS_TEXT_NAME_MAX 254 /* octets of the name as text, with NUL */

/* Wire form of a lower-case FQDN. Returns its length; 0: invalid. out[DNS_WIRE_NAME_MAX]. */
uint8_t dns_name_to_wire(const char *text, uint8_t *out);
/* A wire name as text for people: printable ASCII, anything else as '?'. out[DNS_TEXT_NAME_MAX]. */
void dns_name_to_text(const uint8_t *wire, uint8_t len, char *out);

/*
 * Offset of NAME in `_8443._https.NAME`, the name for SVCB records of another port (RFC 9460 section 2.3). 0: not
 * such a name.
 */
unsigned dns_service_prefix(const uint8_t *wire, uint8_t len);

#endif
