#include "dhcp.h"
#include "octets.h"

#include <arpa/inet.h>
#include <string.h>

#define ETHER 14
#define IP 20
#define UDP 8
#define BOOTP 236 /* octets of the fixed part, before the cookie */
#define COOKIE 0x63825363u
#define LEASE_MIN_S 60
#define RENEW_MIN_S (LEASE_MIN_S / 4)
#define LEASE_MAX_S (30u * 86400)

static uint32_t address_at(const uint8_t *at)
{
    uint32_t address;
    memcpy(&address, at, sizeof address);
    return address;
}

/* ---- messages to servers ---- */

static uint8_t *option(uint8_t *at, uint8_t code, const void *data, uint8_t len)
{
    at[0] = code;
    at[1] = len;
    memcpy(at + 2, data, len);
    return at + 2 + len;
}

static unsigned checksum(const uint8_t *data, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i += 2)
        sum += (uint32_t)(data[i] << 8) + (i + 1 < len ? data[i + 1] : 0u);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void wrap(const struct dhcp_say *say, uint8_t *frame, size_t payload)
{
    uint8_t *ip = frame + ETHER, *udp = ip + IP;
    uint32_t to = say->to ? say->to : INADDR_BROADCAST;
    memcpy(frame, say->to_mac, 6);
    memcpy(frame + 6, say->mac, 6);
    octets_put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    octets_put16(ip + 2, (unsigned)(IP + UDP + payload));
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    memcpy(ip + 12, &say->own, 4);
    memcpy(ip + 16, &to, 4);
    octets_put16(ip + 10, checksum(ip, IP, 0));
    octets_put16(udp, 68);
    octets_put16(udp + 2, 67);
    octets_put16(udp + 4, (unsigned)(UDP + payload));
    /* Pseudo header: both addresses, protocol, length. */
    uint32_t pseudo = IPPROTO_UDP + (uint32_t)(UDP + payload);
    for (int i = 12; i < 20; i += 2)
        pseudo += octets_get16(ip + i);
    unsigned sum = checksum(udp, UDP + payload, pseudo);
    octets_put16(udp + 6, sum ? sum : 0xffff);
}

size_t dhcp_write(const struct dhcp_say *say, uint8_t out[DHCP_FRAME_MAX])
{
    static const uint8_t wishes[] = {121, 1, 3, 6, 26, 42, 51, 54, 58, 59}; /* 121 before 3: RFC 3442 */
    static const char name[] = "sekisho";
    uint8_t *bootp = out + ETHER + IP + UDP, *at = bootp + BOOTP + 4, type = (uint8_t)say->type, id[7] = {1};
    memset(out, 0, DHCP_FRAME_MAX);
    bootp[0] = 1;
    bootp[1] = 1;
    bootp[2] = 6;
    octets_put32(bootp + 4, say->xid);
    octets_put16(bootp + 8, say->seconds);
    memcpy(bootp + 12, &say->own, 4);
    memcpy(bootp + 28, say->mac, 6);
    octets_put32(bootp + BOOTP, COOKIE);
    memcpy(id + 1, say->mac, 6);
    at = option(at, 53, &type, 1);
    at = option(at, 61, id, sizeof id);
    at = option(at, 57, (const uint8_t[]){1500 >> 8, 1500 & 0xff}, 2);
    if (say->wanted)
        at = option(at, 50, &say->wanted, 4);
    if (say->server)
        at = option(at, 54, &say->server, 4);
    at = option(at, 12, name, sizeof name - 1);
    at = option(at, 55, wishes, sizeof wishes);
    *at++ = 255;
    size_t payload = (size_t)(at - bootp);
    if (payload < 300) /* some relays drop messages shorter than BOOTP's */
        payload = 300;
    wrap(say, out, payload);
    return ETHER + IP + UDP + payload;
}

/* ---- answers from servers ---- */

/* An option may be split into parts (RFC 3396); this joins them. */
struct parts {
    uint8_t data[512];
    size_t len;
};

struct options {
    struct parts routes;
    uint8_t type, overload;
    uint32_t mask, router, server, lease_s, renew_s, rebind_s;
    bool has_routes;
};

static void addresses(uint32_t out[CONF_ADDRS_MAX], unsigned *count, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 4 <= len && *count < CONF_ADDRS_MAX; i += 4)
        out[(*count)++] = address_at(data + i);
}

static void one_option(struct options *o, struct dhcp_reply *r, uint8_t code, const uint8_t *data, size_t len)
{
    switch (code) {
    case 53: o->type = len == 1 ? data[0] : 0; break;
    case 26:
        r->mtu = len == 2 && octets_get16(data) >= 576 && octets_get16(data) <= 1500 ? (uint16_t)octets_get16(data) : 0;
        break;
    case 52: o->overload = len == 1 ? data[0] : 0; break;
    case 1: o->mask = len == 4 ? octets_get32(data) : 0; break;
    case 3: o->router = len >= 4 ? address_at(data) : 0; break;
    case 54: o->server = len == 4 ? address_at(data) : 0; break;
    case 51: o->lease_s = len == 4 ? octets_get32(data) : 0; break;
    case 58: o->renew_s = len == 4 ? octets_get32(data) : 0; break;
    case 59: o->rebind_s = len == 4 ? octets_get32(data) : 0; break;
    case 6: addresses(r->dns, &r->dns_count, data, len); break;
    case 42: addresses(r->ntp, &r->ntp_count, data, len); break;
    case 121:
        o->has_routes = true;
        if (o->routes.len + len <= sizeof o->routes.data) {
            memcpy(o->routes.data + o->routes.len, data, len);
            o->routes.len += len;
        }
        break;
    default: break;
    }
}

static void read_options(struct options *o, struct dhcp_reply *r, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len && at[i] != 255;) {
        if (at[i] == 0) {
            i++;
            continue;
        }
        if (i + 2 > len || i + 2 + at[i + 1] > len)
            return;
        one_option(o, r, at[i], at + i + 2, at[i + 1]);
        i += 2u + at[i + 1];
    }
}

/*
 * RFC 3442: if there are classless routes, the default route is the one among them, and the router option is ignored.
 */
static uint32_t default_route(const struct options *o)
{
    const struct parts *p = &o->routes;
    if (!o->has_routes)
        return o->router;
    for (size_t i = 0; i < p->len;) {
        size_t width = p->data[i], octets = (width + 7) / 8;
        if (width > 32 || i + 1 + octets + 4 > p->len)
            return 0;
        if (width == 0)
            return address_at(p->data + i + 1);
        i += 1 + octets + 4;
    }
    return 0;
}

static uint8_t prefix_len(uint32_t mask, uint32_t address)
{
    uint8_t len = 0;
    unsigned first = ntohl(address) >> 24;
    while (len < 32 && mask & (0x80000000u >> len))
        len++;
    if (len > 0 && (len == 32 || (mask << len) == 0))
        return len;
    return first < 128 ? 8 : first < 192 ? 16 : 24; /* no valid mask: by the address class */
}

static bool usable(uint32_t address)
{
    struct addr a = {.family = AF_INET};
    uint32_t host = ntohl(address);
    memcpy(a.bytes, &address, 4);
    return host >> 24 != 0 && host >> 24 != 127 && host >> 28 < 14 && host >> 16 != 0xa9fe;
}

/*
 * The BOOTP part of a frame from a server to us, or NULL. (The UDP checksum is ignored: with offload it may be
 * missing.)
 */
static const uint8_t *bootp_of(const uint8_t *frame, size_t len, size_t *bootp_len)
{
    if (len < ETHER + IP + UDP + BOOTP + 4 || octets_get16(frame + 12) != 0x0800)
        return NULL;
    const uint8_t *ip = frame + ETHER;
    size_t head = (ip[0] & 15u) * 4u, total = octets_get16(ip + 2);
    if (ip[0] >> 4 != 4 || head < IP || total > len - ETHER || total < head + UDP + BOOTP + 4 ||
        (octets_get16(ip + 6) & 0x3fff) != 0 || ip[9] != IPPROTO_UDP)
        return NULL;
    const uint8_t *udp = ip + head;
    size_t udp_len = octets_get16(udp + 4);
    if (octets_get16(udp) != 67 || octets_get16(udp + 2) != 68 || udp_len < UDP + BOOTP + 4 || udp_len > total - head)
        return NULL;
    *bootp_len = udp_len - UDP;
    return udp + UDP;
}

static void take_times(const struct options *o, struct dhcp_reply *out)
{
    out->lease_s = o->lease_s < LEASE_MIN_S ? LEASE_MIN_S : o->lease_s > LEASE_MAX_S ? LEASE_MAX_S : o->lease_s;
    out->renew_s = o->renew_s;
    out->rebind_s = o->rebind_s;
    /* Implausible times (too short, out of order) become the defaults of RFC 2131 section 4.4.5. */
    if (out->rebind_s < 2 * RENEW_MIN_S || out->rebind_s >= out->lease_s)
        out->rebind_s = out->lease_s / 8 * 7;
    if (out->renew_s < RENEW_MIN_S || out->renew_s >= out->rebind_s)
        out->renew_s = out->lease_s / 2 < out->rebind_s ? out->lease_s / 2 : out->rebind_s / 2;
}

bool dhcp_read(const uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t xid, struct dhcp_reply *out)
{
    struct options o = {0};
    size_t bootp_len = 0;
    const uint8_t *b = bootp_of(frame, len, &bootp_len);
    memset(out, 0, sizeof *out);
    if (!b || b[0] != 2 || b[1] != 1 || b[2] != 6 || octets_get32(b + 4) != xid || memcmp(b + 28, mac, 6) != 0 ||
        octets_get32(b + BOOTP) != COOKIE)
        return false;
    read_options(&o, out, b + BOOTP + 4, bootp_len - BOOTP - 4);
    if (o.overload & 1)
        read_options(&o, out, b + 108, 128);
    if (o.overload & 2)
        read_options(&o, out, b + 44, 64);
    if (o.type != DHCP_OFFER && o.type != DHCP_ACK && o.type != DHCP_NAK)
        return false;
    out->type = (enum dhcp_type)o.type;
    memcpy(out->from_mac, frame + 6, 6);
    out->address = address_at(b + 16);
    out->server = o.server;
    if (out->type == DHCP_NAK)
        return true;
    if (!usable(out->address) || !usable(out->server))
        return false;
    out->prefix_len = prefix_len(o.mask, out->address);
    uint32_t gateway = default_route(&o);
    out->gateway = usable(gateway) ? gateway : 0;
    take_times(&o, out);
    return true;
}
