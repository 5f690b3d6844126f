/* The packets of DHCP (RFC 2131, 2132, 3396, 3442), as whole Ethernet frames. Pure; shared with the fuzzer. */
#ifndef SEKISHO_WAN_DHCP_H
#define SEKISHO_WAN_DHCP_H

#include "conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_FRAME_MAX 1514

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK };

/* What the box says. Addresses in network byte order, 0: not given. */
struct dhcp_say {
    enum dhcp_type type;
    uint8_t mac[6];
    uint8_t to_mac[6]; /* of the frame */
    uint32_t xid;
    uint16_t seconds;
    uint32_t own;      /* ciaddr, and the source: the address that is in use */
    uint32_t to;       /* whom a renewal is for; 0: everybody */
    uint32_t wanted;   /* option 50 */
    uint32_t server;   /* option 54 */
};

struct dhcp_reply {
    enum dhcp_type type; /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
    uint8_t from_mac[6];
    uint32_t address, server, gateway;
    uint8_t prefix_len;
    uint16_t mtu; /* 576 to 1500; 0: not given, or not to be believed */
    unsigned dns_count, ntp_count;
    uint32_t dns[CONF_ADDRS_MAX], ntp[CONF_ADDRS_MAX];
    uint32_t lease_s, renew_s, rebind_s; /* the last two: as given, or by RFC 2131 section 4.4.5 */
};

/* Returns the frame's length. */
size_t dhcp_write(const struct dhcp_say *say, uint8_t out[DHCP_FRAME_MAX]);
/* Is this frame a server's answer to us, and what does it say? What makes no sense in it is left out. */
bool dhcp_read(const uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t xid, struct dhcp_reply *out);

#endif
