#include "packet.h"
#include "octets.h"

#include <string.h>

#define IPV6_HEADERS_MAX 8 /* extension headers that are parsed */

/* Where the upper layer begins, and the packet's length by its header. */
struct layers {
    size_t upper; /* offset; 0: not found */
    size_t total;
    unsigned hops;
    const char *odd;
};

static bool ipv4(const uint8_t *ip, size_t len, struct packet *out, struct layers *l)
{
    if (len < 20)
        return false;
    size_t head = (size_t)(ip[0] & 15) * 4;
    out->client.family = out->server.family = AF_INET;
    memcpy(out->client.bytes, ip + 12, 4);
    memcpy(out->server.bytes, ip + 16, 4);
    out->proto = ip[9];
    l->hops = ip[8];
    l->total = octets_get16(ip + 2);
    if (head < 20)
        return true;
    if (head > 20)
        l->odd = "IP options";
    if (octets_get16(ip + 6) & 0x3fff) /* MF flag or fragment offset */
        l->odd = "a fragment";
    if ((octets_get16(ip + 6) & 0x1fff) == 0)
        l->upper = head;
    return true;
}

/* RFC 8200 section 4: hop-by-hop (0), routing (43), fragment (44), destination options (60). */
static bool ipv6(const uint8_t *ip, size_t len, struct packet *out, struct layers *l)
{
    if (len < 40)
        return false;
    out->client.family = out->server.family = AF_INET6;
    memcpy(out->client.bytes, ip + 8, 16);
    memcpy(out->server.bytes, ip + 24, 16);
    l->hops = ip[7];
    l->total = 40 + octets_get16(ip + 4);
    size_t at = 40;
    unsigned next = ip[6];
    for (unsigned i = 0; i < IPV6_HEADERS_MAX; i++) {
        if (next != 0 && next != 43 && next != 44 && next != 60) {
            out->proto = (uint8_t)next;
            l->upper = at;
            return true;
        }
        l->odd = "IPv6 extension headers";
        if (len < at + 8)
            return true;
        if (next == 44 && (octets_get16(ip + at + 2) & 0xfff8))
            return true; /* not the first fragment: it has no ports */
        size_t size = next == 44 ? 8 : ((size_t)ip[at + 1] + 1) * 8;
        next = ip[at];
        at += size;
    }
    return true;
}

static bool layers(const uint8_t *ip, size_t len, struct packet *out, struct layers *l)
{
    memset(out, 0, sizeof *out);
    memset(l, 0, sizeof *l);
    if (len < 1)
        return false;
    bool good = ip[0] >> 4 == 4 ? ipv4(ip, len, out, l) : ip[0] >> 4 == 6 && ipv6(ip, len, out, l);
    if (good && l->upper != 0 && len >= l->upper + 4 && (out->proto == IPPROTO_TCP || out->proto == IPPROTO_UDP)) {
        out->client_port = (uint16_t)octets_get16(ip + l->upper);
        out->server_port = (uint16_t)octets_get16(ip + l->upper + 2);
    }
    return good;
}

bool packet_head(const uint8_t *ip, size_t len, struct packet *out)
{
    struct layers l;
    return layers(ip, len, out, &l);
}

/* RFC 9293 section 3.1, RFC 1071. */
static bool checksum_holds(const struct packet *p, const uint8_t *tcp, size_t len)
{
    uint64_t sum = IPPROTO_TCP + len;
    size_t bytes = p->client.family == AF_INET ? 4 : 16;
    for (size_t i = 0; i < bytes; i += 2)
        sum += octets_get16(p->client.bytes + i) + octets_get16(p->server.bytes + i);
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += octets_get16(tcp + i);
    if (len & 1)
        sum += (uint64_t)tcp[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/*
 * Options usual within a connection: NOP, end of list, timestamp. Any other (for instance a signature, RFC 2385 or
 * 5925) may make the server discard the packet. A SYN may have more.
 */
static void tcp_options(struct packet *p, const uint8_t *o, size_t len)
{
    for (size_t i = 0; i < len && o[i] != 0;) {
        if (o[i] == 1) {
            i++;
            continue;
        }
        if (i + 1 >= len || o[i + 1] < 2 || i + o[i + 1] > len) {
            p->odd = "TCP options that cannot be read";
            return;
        }
        if (o[i] == 8 && o[i + 1] == 10 && !p->stamped) {
            p->stamped = true;
            p->stamp = octets_get32(o + i + 2);
            p->stamp_echo = octets_get32(o + i + 6);
        } else if (!(p->flags & PACKET_SYN)) {
            p->odd = "a TCP option that does not belong there";
        }
        i += o[i + 1];
    }
}

static void unheard(struct packet *p, const char *odd)
{
    p->odd = odd;
    p->unheard = true;
}

bool packet_tcp(const uint8_t *ip, size_t len, bool checksum, struct packet *out)
{
    struct layers l;
    if (!layers(ip, len, out, &l) || l.upper == 0 || out->proto != IPPROTO_TCP || len < l.upper + 20)
        return false;
    const uint8_t *tcp = ip + l.upper;
    size_t head = (size_t)(tcp[12] >> 4) * 4;
    if (head < 20 || l.total < l.upper + head || len < l.upper + head)
        return false;
    out->seq = octets_get32(tcp + 4);
    out->ack = octets_get32(tcp + 8);
    out->flags = tcp[13];
    out->odd = l.odd;
    out->unheard = l.odd != NULL;
    if (l.hops < PACKET_HOPS_MIN)
        out->odd = "a hop limit that may not reach the server";
    tcp_options(out, tcp + 20, head - 20);
    if (out->flags & PACKET_URG)
        unheard(out, "urgent data");
    if (tcp[12] & 0x0e)
        out->odd = "reserved bits of TCP";
    out->data = tcp + head;
    size_t there = len < l.total ? len : l.total; /* octets after the total length are link-layer padding */
    out->len = there - l.upper - head;
    if (there < l.total)
        unheard(out, "cut off");
    else if (checksum && !checksum_holds(out, tcp, l.total - l.upper))
        unheard(out, "a wrong checksum");
    if (out->len > 0 && (out->flags & (PACKET_SYN | PACKET_RST | PACKET_ACK)) != PACKET_ACK)
        unheard(out, "payload with SYN or RST, or without ACK");
    return true;
}
