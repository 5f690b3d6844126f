/* Fuzz target: frames from the uplink's DHCP server. */
#include "dhcp.h"
#include "must.h"

#include <string.h>

static const uint8_t mac[6] = {2, 0, 0x5e, 0x10, 0, 1};
#define XID 0x5e5e0001

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A frame that passes the socket filter: the octets are its BOOTP part from yiaddr on, and the options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t frame[DHCP_FRAME_MAX];
    struct dhcp_reply r;
    struct dhcp_say say = {.type = DHCP_DISCOVER, .xid = XID};
    (void)dhcp_read(data, size, mac, XID, &r); /* raw */
    memcpy(say.mac, mac, 6);
    (void)dhcp_write(&say, frame);
    if (size > sizeof frame - 282)
        size = sizeof frame - 282;
    size_t payload = 240 + size, total = payload + 28;
    frame[16] = (uint8_t)(total >> 8);
    frame[17] = (uint8_t)total;
    frame[35] = 67;
    frame[37] = 68;
    frame[38] = (uint8_t)((payload + 8) >> 8);
    frame[39] = (uint8_t)(payload + 8);
    frame[42] = 2;
    if (size >= 4)
        memcpy(frame + 58, data, 4);
    memcpy(frame + 282, data, size);
    if (!dhcp_read(frame, 42 + payload, mac, XID, &r) || r.type == DHCP_NAK)
        return 0;
    MUST(r.prefix_len >= 1 && r.prefix_len <= 32);
    MUST(r.dns_count <= CONF_ADDRS_MAX && r.ntp_count <= CONF_ADDRS_MAX);
    MUST(r.lease_s >= 60 && r.renew_s > 0 && r.renew_s < r.rebind_s && r.rebind_s < r.lease_s);
    MUST(r.address != 0 && r.server != 0);
    return 0;
}
