#include "reset.h"
#include "octets.h"

#include <string.h>

#define TCP_LEN 20
#define V4_LEN 20
#define V6_LEN 40
#define TTL 64
#define PROTO_TCP 6
#define FLAGS_RST_ACK 0x14

/* RFC 1071, over an even number of octets. */
static uint32_t sum(const uint8_t *data, size_t len, uint32_t start)
{
    for (size_t i = 0; i < len; i += 2)
        start += (uint32_t)(data[i] << 8 | data[i + 1]);
    return start;
}

static unsigned folded(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return ~s & 0xffff;
}

static size_t put_ip(uint8_t *ip, const struct reset *r)
{
    if (r->from.family == AF_INET6) {
        ip[0] = 0x60;
        octets_put16(ip + 4, TCP_LEN);
        ip[6] = PROTO_TCP;
        ip[7] = TTL;
        memcpy(ip + 8, r->from.bytes, 16);
        memcpy(ip + 24, r->to.bytes, 16);
        return V6_LEN;
    }
    ip[0] = 0x45;
    octets_put16(ip + 2, V4_LEN + TCP_LEN);
    ip[6] = 0x40; /* don't fragment */
    ip[8] = TTL;
    ip[9] = PROTO_TCP;
    memcpy(ip + 12, r->from.bytes, 4);
    memcpy(ip + 16, r->to.bytes, 4);
    octets_put16(ip + 10, folded(sum(ip, V4_LEN, 0)));
    return V4_LEN;
}

size_t reset_build(uint8_t out[RESET_MAX], const struct reset *r)
{
    memset(out, 0, RESET_MAX);
    size_t head = put_ip(out, r), addr_len = r->from.family == AF_INET6 ? 16 : 4;
    uint8_t *tcp = out + head;
    octets_put16(tcp, r->from_port);
    octets_put16(tcp + 2, r->to_port);
    octets_put32(tcp + 4, r->seq);
    octets_put32(tcp + 8, r->ack);
    tcp[12] = TCP_LEN / 4 << 4;
    tcp[13] = FLAGS_RST_ACK;
    /* The pseudo header: both addresses, length, protocol. */
    uint32_t s = sum(r->from.bytes, addr_len, PROTO_TCP + TCP_LEN);
    s = sum(r->to.bytes, addr_len, s);
    octets_put16(tcp + 16, folded(sum(tcp, TCP_LEN, s)));
    return head + TCP_LEN;
}
