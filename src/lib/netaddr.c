#include "netaddr.h"

#include <arpa/inet.h>
#include <string.h>

static unsigned addr_bits(const struct addr *a)
{
    return a->family == AF_INET ? 32 : 128;
}

/* Compare the first `bits` bits. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (uint8_t)((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
    return p->addr.family != 0 && p->addr.family == a->family && same_bits(p->addr.bytes, a->bytes, p->len);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
    return prefix_contains(a->len <= b->len ? a : b, a->len <= b->len ? &b->addr : &a->addr);
}

bool prefix_is_all(const struct prefix *p)
{
    return p->addr.family != 0 && p->len == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && (a->family == 0 || same_bits(a->bytes, b->bytes, addr_bits(a)));
}

const char *addr_text(const struct addr *a, char *buf, size_t len)
{
    if (len == 0)
        return buf;
    buf[0] = '\0';
    if (a->family != 0)
        (void)inet_ntop(a->family, a->bytes, buf, (socklen_t)len);
    return buf;
}

enum addr_kind addr_kind(const struct addr *a)
{
    static const struct {
        struct prefix prefix;
        enum addr_kind kind;
    } kinds[] = {
#define V4(KIND, LEN, ...) {{{AF_INET, {__VA_ARGS__}}, LEN}, ADDR_##KIND}
#define V6(KIND, LEN, ...) {{{AF_INET6, {__VA_ARGS__}}, LEN}, ADDR_##KIND}
        V4(PRIVATE, 8, 10),
        V4(PRIVATE, 12, 172, 16),
        V4(PRIVATE, 16, 192, 168),
        V4(PRIVATE, 10, 100, 64),  /* shared with the provider: RFC 6598 */
        V4(NO_HOST, 8, 0),         /* "this network" */
        V4(NO_HOST, 8, 127),       /* loopback */
        V4(NO_HOST, 16, 169, 254), /* link-local */
        V4(NO_HOST, 3, 224),       /* 224/4 multicast, 240/4 reserved, broadcast */
        V4(OTHER, 24, 192, 0, 0),
        V4(OTHER, 24, 192, 0, 2),
        V4(OTHER, 24, 192, 88, 99),
        V4(OTHER, 15, 198, 18),
        V4(OTHER, 24, 198, 51, 100),
        V4(OTHER, 24, 203, 0, 113),
        V6(PRIVATE, 7, 0xfc),
        V6(NO_HOST, 8, 0),          /* ::, ::1, IPv4 inside IPv6 (mapped, compatible, NAT64 64:ff9b::/96) */
        V6(NO_HOST, 9, 0xfe, 0x80), /* fe80::/10 link-local, fec0::/10 deprecated site-local (RFC 3879) */
        V6(NO_HOST, 8, 0xff),       /* multicast */
        V6(OTHER, 64, 0x01),        /* 100::/64, discard-only (RFC 6666) */
        V6(OTHER, 23, 0x20, 0x01),
        V6(OTHER, 32, 0x20, 0x01, 0x0d, 0xb8),
        V6(OTHER, 16, 0x20, 0x02), /* 6to4 */
        V6(OTHER, 20, 0x3f, 0xff),
        V6(OTHER, 16, 0x5f),
#undef V4
#undef V6
    };
    if (a->family != AF_INET && a->family != AF_INET6)
        return ADDR_NO_HOST;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (prefix_contains(&kinds[i].prefix, a))
            return kinds[i].kind;
    return ADDR_PUBLIC;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == AF_INET6) {
        struct sockaddr_in6 *in6 = (void *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, a->bytes, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (void *)out;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, a->bytes, 4);
    return sizeof *in;
}
