/*
 * `check --export`: a site file as shell variables, for the boot scripts. No value contains characters special to sh.
 */
#include "conf.h"
#include "ops.h"
#include "zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void put_text(const char *name, const char *value)
{
    (void)printf("%s='%s'\n", name, value);
}

static void put_addr(const char *name, const struct addr *a)
{
    char text[INET6_ADDRSTRLEN];
    put_text(name, addr_text(a, text, sizeof text));
}

static void put_len(const char *name, const struct prefix *p)
{
    (void)printf("%s='%u'\n", name, p->addr.family ? p->len : 0u);
}

/* The address and the mask of an IPv4 network. */
static void network(const struct prefix *p, struct addr *net, struct addr *mask)
{
    uint32_t bits = p->len == 0 ? 0 : UINT32_MAX << (32 - p->len), address;
    memcpy(&address, p->addr.bytes, sizeof address);
    uint32_t net_bits = address & htonl(bits), mask_bits = htonl(bits);
    *net = *mask = (struct addr){.family = AF_INET};
    memcpy(net->bytes, &net_bits, sizeof net_bits);
    memcpy(mask->bytes, &mask_bits, sizeof mask_bits);
}

void export_site(const struct conf_site *site)
{
    struct addr net, mask;
    char offset[ZONE_TEXT_MAX];
    network(&site->lan_address, &net, &mask);
    zone_set(site->zone_min);
    put_text("TIMEZONE", zone_offset(offset));
    put_addr("LAN_ADDRESS", &site->lan_address.addr);
    put_len("LAN_PREFIX", &site->lan_address);
    put_addr("LAN_NETWORK", &net);
    put_addr("LAN_NETMASK", &mask);
    put_addr("DHCP_FIRST", &site->dhcp_first); /* empty: no DHCP for the PCs */
    put_addr("DHCP_LAST", &site->dhcp_last);
    put_text("WAN_MODE", site->wan_mode == CONF_WAN_STATIC ? "static" : "dhcp");
    put_addr("WAN_ADDRESS", &site->wan_address.addr);
    put_len("WAN_PREFIX", &site->wan_address);
    put_addr("WAN_GATEWAY", &site->wan_gateway);
    (void)printf("WAN_MTU='");
    if (site->wan_mtu)
        (void)printf("%u", site->wan_mtu);
    (void)printf("'\nWAN_DNS='");
    for (unsigned i = 0; i < site->wan_dns_count; i++) {
        char text[INET6_ADDRSTRLEN];
        (void)printf("%s%s", i ? " " : "", addr_text(&site->wan_dns[i], text, sizeof text));
    }
    (void)printf("'\nNTP_SERVERS='");
    for (unsigned i = 0; i < site->ntp_count; i++)
        (void)printf("%s%s", i ? " " : "", site->ntp[i]);
    (void)printf("'\nLAN_HOSTS='"); /* bound hosts: MAC=ADDRESS */
    for (unsigned i = 0; i < site->host_count; i++) {
        const uint8_t *m = site->hosts[i].mac;
        char text[INET6_ADDRSTRLEN];
        (void)printf("%s%02x:%02x:%02x:%02x:%02x:%02x=%s", i ? " " : "", m[0], m[1], m[2], m[3], m[4], m[5],
                     addr_text(&site->hosts[i].addr, text, sizeof text));
    }
    (void)printf("'\nPRIVATE_ANSWERS='");
    for (unsigned i = 0; i < site->private_count; i++)
        (void)printf("%s%s", i ? " " : "", site->private_answers[i]);
    (void)printf("'\n");
}
