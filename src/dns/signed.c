#include "signed.h"
#include "octets.h"

#include <string.h>

#define RR_FIXED 10 /* type, class, TTL, length */
#define POINTER 0xc0

enum { TYPE_DNAME = 39, TYPE_RRSIG = 46, TYPE_NSEC = 47, TYPE_NSEC3 = 50 };

bool signed_zone_type(uint16_t type)
{
    return type == DNS_NS || type == DNS_DS || type == DNS_DNSKEY;
}

/* The end of the name at pos; 0: invalid. Pointers are not followed: checking their target is up to the client. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t pos)
{
    while (pos < len) {
        uint8_t label = msg[pos];
        if ((label & POINTER) == POINTER)
            return pos + 2 <= len ? pos + 2 : 0;
        if (label & POINTER)
            return 0;
        pos += 1u + label;
        if (label == 0)
            return pos <= len ? pos : 0;
    }
    return 0;
}

struct may {
    uint16_t type;
    const struct addr *addrs;
    unsigned count;
};

static bool is_open(const struct may *may, const uint8_t *data, size_t len)
{
    for (unsigned i = 0; i < may->count; i++)
        if (len == (may->addrs[i].family == AF_INET ? 4u : 16u) && memcmp(may->addrs[i].bytes, data, len) == 0)
            return true;
    return false;
}

static bool may_stand(const struct may *may, bool in_answer, unsigned type, const uint8_t *data, size_t len)
{
    switch (type) {
    case TYPE_RRSIG:
    case TYPE_NSEC:
    case TYPE_NSEC3:
    case DNS_SOA: return true;
    case DNS_NS:
    case DNS_DS: return !in_answer || type == may->type;
    case DNS_CNAME:
    case TYPE_DNAME: return in_answer;
    case DNS_DNSKEY: return in_answer && type == may->type;
    case DNS_A:
    case DNS_AAAA: return in_answer && type == may->type && is_open(may, data, len);
    default: return false;
    }
}

static void cap_ttl(uint8_t *p, uint32_t most)
{
    uint32_t ttl = (uint32_t)octets_get16(p) << 16 | octets_get16(p + 2);
    for (unsigned i = 0; ttl > most && i < 4; i++)
        p[i] = (uint8_t)(most >> (24 - 8 * i));
}

size_t signed_copy(const uint8_t *msg, size_t len, size_t question_end, uint16_t type, const struct addr *addrs,
                   unsigned count, uint32_t ttl_max, uint8_t *out, size_t room, bool *is_signed)
{
    struct may may = {type, addrs, count};
    size_t pos = question_end, copied = question_end;
    *is_signed = false;
    if (len < question_end || question_end < DNS_HEADER_LEN || len > DNS_TCP_MAX)
        return 0;
    unsigned answers = octets_get16(msg + 6), records = answers + octets_get16(msg + 8);
    for (unsigned i = 0; i < records; i++) {
        size_t head = skip_name(msg, len, pos);
        if (head == 0 || len - head < RR_FIXED || len - head - RR_FIXED < octets_get16(msg + head + 8))
            return 0;
        size_t size = octets_get16(msg + head + 8);
        unsigned kind = octets_get16(msg + head);
        if (octets_get16(msg + head + 2) != 1 || !may_stand(&may, i < answers, kind, msg + head + RR_FIXED, size))
            return 0;
        *is_signed |= kind == TYPE_RRSIG;
        size_t end = head + RR_FIXED + size;
        if (end > room)
            return 0;
        memcpy(out + pos, msg + pos, end - pos);
        cap_ttl(out + head + 4, ttl_max);
        pos = copied = end;
    }
    if (copied > room)
        return 0;
    memcpy(out, msg, question_end);
    memset(out + 10, 0, 2);
    return copied;
}
