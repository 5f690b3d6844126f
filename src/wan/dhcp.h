/* DHCP messages (RFC 2131, 2132, 3396, 3442) as whole Ethernet frames. Pure; shared with the fuzzer. */
#ifndef SEKISHO_WAN_DHCP_H
#define SEKISHO_WAN_DHCP_H

#include "conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_FRAME_MAX 1514

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK };

/* A message to servers. Addresses in network byte order; 0: not given. */
struct dhcp_say {
    enum dhcp_type type;
    uint8_t mac[6];
    uint8_t to_mac[6]; /* destination of the frame */
    uint32_t xid;
    uint16_t seconds;
    uint32_t own;      /* ciaddr and IP source: the address in use */
    uint32_t to;       /* IP destination of a renewal; 0: broadcast */
    uint32_t wanted;   /* option 50, requested address */
    uint32_t server;   /* option 54, server identifier */
};

struct dhcp_reply {
    enum dhcp_type type; /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
    uint8_t from_mac[6];
    uint32_t address, server, gateway;
    uint8_t prefix_len;
    uint16_t mtu; /* 576 to 1500; 0: not given, or implausible */
    unsigned dns_count, ntp_count;
    uint32_t dns[CONF_ADDRS_MAX], ntp[CONF_ADDRS_MAX];
    uint32_t lease_s, renew_s, rebind_s; /* T1 and T2: as given, or the defaults of RFC 2131 section 4.4.5 */
};

/* Write a frame. Returns its length. */
size_t dhcp_write(const struct dhcp_say *say, uint8_t out[DHCP_FRAME_MAX]);
/* Parse a frame. False: not a server's answer to us. Implausible options are left out. */
bool dhcp_read(const uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t xid, struct dhcp_reply *out);

#endif
