/* The kinds of probes: a line of the table becomes a frame, and a frame becomes the probe of one number. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PART 48 /* bytes after the IP header in the first fragment: UDP header and a tag, a multiple of eight */
#define TCP_TAG 254 /* experimental TCP option: a SYN has no other room */

static uint32_t sum(const uint8_t *data, size_t len, uint32_t start)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        start += (uint32_t)(data[i] << 8 | data[i + 1]);
    if (len & 1)
        start += (uint32_t)(data[len - 1] << 8);
    return start;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_sum(uint8_t *at, uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    put16(at, ~total & 0xffff);
}

static bool is(const struct kind *k, const char *shape)
{
    return strcmp(k->shape, shape) == 0;
}

static void append(struct kind *k, const void *data, size_t len)
{
    if (k->len + len > FRAME_MAX)
        die("a kind's frame is too long");
    memcpy(k->frame + k->len, data, len);
    k->len += len;
}

static void append_tag(struct kind *k)
{
    uint8_t room[TAG_LEN] = {0};
    k->tag_at = k->len;
    append(k, room, sizeof room);
}

static void append_tcp(struct kind *k, unsigned dport, bool syn)
{
    struct tcphdr tcp = {.dest = htons((uint16_t)dport),
                         .window = htons(64000),
                         .doff = syn ? (20 + 2 + TAG_LEN) / 4 : 5,
                         .syn = syn,
                         .ack = !syn,
                         .psh = !syn};
    append(k, &tcp, sizeof tcp);
    if (syn)
        append(k, (uint8_t[]){TCP_TAG, 2 + TAG_LEN}, 2);
    append_tag(k);
}

static void append_udp(struct kind *k, unsigned dport, size_t payload)
{
    struct udphdr udp = {.dest = htons((uint16_t)dport), .len = htons((uint16_t)(sizeof udp + payload))};
    append(k, &udp, sizeof udp);
}

/* A DNS query for an address of TAG.probe.example. */
static void append_question(struct kind *k, unsigned dport)
{
    static const uint8_t head[12] = {0x51, 0x52, 1, 0, 0, 1}, tail[] = "\5probe\7example\0\0\1\0\1";
    uint8_t length = TAG_LEN;
    append_udp(k, dport, sizeof head + 1 + TAG_LEN + sizeof tail - 1);
    append(k, head, sizeof head);
    append(k, &length, 1);
    append_tag(k);
    append(k, tail, sizeof tail - 1);
}

static void append_transport(struct kind *k, unsigned dport)
{
    k->transport_at = k->len;
    if (is(k, "syn") || is(k, "data")) {
        append_tcp(k, dport, is(k, "syn"));
    } else if (is(k, "icmp")) {
        struct icmphdr echo = {.type = ICMP_ECHO};
        append(k, &echo, sizeof echo);
        append_tag(k);
    } else if (is(k, "gre") || is(k, "later")) {
        k->transport_at = 0;
        append(k, (uint8_t[4]){0, 0, 8, 0}, is(k, "gre") ? 4 : 0);
        append_tag(k);
    } else if (is(k, "dns")) {
        append_question(k, dport);
    } else if (is(k, "first")) {
        append_udp(k, dport, FIRST_PART - sizeof(struct udphdr) + TAG_LEN);
        append_tag(k);
        append(k, "......", FIRST_PART - sizeof(struct udphdr) - TAG_LEN);
    } else if (is(k, "udp") || is(k, "routed")) {
        append_udp(k, dport, TAG_LEN);
        append_tag(k);
    } else {
        die("a kind has an unknown shape");
    }
}

static unsigned protocol(const struct kind *k)
{
    if (is(k, "syn") || is(k, "data"))
        return IPPROTO_TCP;
    return is(k, "icmp") ? IPPROTO_ICMP : is(k, "gre") ? IPPROTO_GRE : IPPROTO_UDP;
}

static void make_ip4(struct kind *k, struct in_addr src, struct in_addr dst, unsigned dport)
{
    /* Loose source routing via the destination itself. */
    uint8_t route[8] = {IPOPT_LSRR, 7, 4};
    size_t options = is(k, "routed") ? sizeof route : 0;
    struct iphdr ip = {.version = 4,
                       .ihl = (unsigned)(20 + options) / 4 & 15,
                       .ttl = 64,
                       .protocol = (uint8_t)protocol(k),
                       .saddr = src.s_addr,
                       .daddr = dst.s_addr};
    memcpy(route + 3, &dst, sizeof dst);
    append(k, &ip, sizeof ip);
    append(k, route, options);
    append_transport(k, dport);
    put16(k->frame + k->net_at + 2, (unsigned)(k->len - k->net_at));
    put16(k->frame + k->net_at + 6, is(k, "first") ? IP_MF : is(k, "later") ? FIRST_PART / 8 : 0);
}

static void make_ip6(struct kind *k, const struct in6_addr *src, const struct in6_addr *dst, unsigned dport)
{
    struct ip6_hdr ip = {.ip6_src = *src, .ip6_dst = *dst};
    ip.ip6_flow = htonl(6u << 28);
    ip.ip6_hlim = 64;
    ip.ip6_nxt = (uint8_t)protocol(k);
    append(k, &ip, sizeof ip);
    append_transport(k, dport);
    put16(k->frame + k->net_at + 4, (unsigned)(k->len - k->net_at - sizeof ip));
}

static void make_frame(struct kind *k, const char *from, const char *to, unsigned dport, const uint8_t source[6],
                       const uint8_t gateway[6])
{
    struct in_addr src4, dst4;
    struct in6_addr src6, dst6;
    struct ether_header ether;
    bool six = strchr(to, ':') != NULL;
    memcpy(ether.ether_shost, source, 6);
    memcpy(ether.ether_dhost, gateway, 6);
    ether.ether_type = htons(six ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
    append(k, &ether, sizeof ether);
    k->net_at = k->len;
    if (six && inet_pton(AF_INET6, from, &src6) == 1 && inet_pton(AF_INET6, to, &dst6) == 1) {
        make_ip6(k, &src6, &dst6, dport);
    } else if (!six && inet_pton(AF_INET, from, &src4) == 1 && inet_pton(AF_INET, to, &dst4) == 1) {
        make_ip4(k, src4, dst4, dport);
        if (dst4.s_addr == INADDR_BROADCAST || IN_MULTICAST(ntohl(dst4.s_addr)))
            memset(k->frame, 0xff, 6);
    } else {
        die("a kind has an address that is none");
    }
}

unsigned kinds_load(const char *path, const uint8_t source[6], const uint8_t gateway[6], struct kind kinds[KINDS_MAX])
{
    FILE *file = fopen(path, "re");
    char line[512], from[64], to[64];
    unsigned count = 0, dport;
    while (file && fgets(line, sizeof line, file)) {
        struct kind *k = &kinds[count];
        errno = 0;
        if (count == KINDS_MAX)
            die("too many kinds");
        *k = (struct kind){0};
        if (sscanf(line, "%u %15s %63s %63s %u %u %u", &k->id, k->shape, from, to, &k->sport, &k->spread, &dport) !=
                7 ||
            k->spread == 0 || k->id >= KINDS_MAX)
            die("a line of the table is not ID SHAPE FROM TO SPORT SPREAD DPORT");
        make_frame(k, from, to, dport, source, gateway);
        count++;
    }
    if (file)
        fclose(file);
    if (count == 0)
        die(path);
    return count;
}

/* The checksum of the transport header, over the pseudo header too. A first fragment has none: it does not see the rest. */
static void finish_transport(struct kind *k)
{
    uint8_t *net = k->frame + k->net_at, *transport = k->frame + k->transport_at;
    size_t len = k->len - k->transport_at;
    unsigned proto = protocol(k);
    bool six = net[0] >> 4 == 6;
    size_t at = proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;
    if (is(k, "first"))
        return;
    put16(transport + at, 0);
    uint32_t total = proto == IPPROTO_ICMP ? 0 : six ? sum(net + 8, 32, 0) : sum(net + 12, 8, 0);
    if (proto != IPPROTO_ICMP)
        total += proto + (uint32_t)len;
    put_sum(transport + at, sum(transport, len, total));
}

void kind_make(struct kind *k, uint64_t number, uint64_t round)
{
    struct tag tag = {.kind = k->id, .number = number};
    uint8_t *net = k->frame + k->net_at, *transport = k->frame + k->transport_at;
    unsigned port = k->sport + (unsigned)(round % k->spread);
    tag_write(k->frame + k->tag_at, &tag);
    if (k->transport_at && is(k, "icmp")) {
        put16(transport + 4, port);
        put16(transport + 6, (unsigned)round & 0xffff);
    } else if (k->transport_at) {
        put16(transport, port);
    }
    if (protocol(k) == IPPROTO_TCP)
        put16(transport + 6, (unsigned)round & 0xffff); /* another sequence number each time */
    if (net[0] >> 4 == 4) {
        /* Two fragments of one packet have neighbouring numbers and the same identification. */
        put16(net + 4, (unsigned)(number - (is(k, "later") ? 1 : 0)) & 0xffff);
        put16(net + 10, 0);
        put_sum(net + 10, sum(net, (net[0] & 15) * 4u, 0));
    }
    if (k->transport_at)
        finish_transport(k);
}
