#include "https.h"
#include "octets.h"

#include <string.h>
#include <strings.h>

#define PORT 443
#define HEAD 12    /* owner (a pointer), type, class, TTL, length */
#define HINTS_MAX 8 /* address hints of one record */
#define ALPN_MAX 64

struct record {
    size_t alpn_len;
    uint8_t alpn[ALPN_MAX];
    bool alpn_given, no_default, usable;
    unsigned hint_count;
    struct addr hints[HINTS_MAX];
};

static bool is_h3(const uint8_t *id, size_t len)
{
    return len >= 2 && id[0] == 'h' && id[1] == '3';
}

/* Copy the protocols to keep; each is a length octet and a name. */
static void read_alpn(struct record *r, const uint8_t *value, size_t len)
{
    r->alpn_given = true;
    for (size_t at = 0; at < len; at += 1u + value[at]) {
        size_t size = 1u + value[at];
        if (value[at] == 0 || at + size > len) {
            r->usable = false;
            return;
        }
        if (is_h3(value + at + 1, value[at]))
            continue;
        if (r->alpn_len + size > sizeof(r->alpn)) {
            r->usable = false;
            return;
        }
        memcpy(r->alpn + r->alpn_len, value + at, size);
        r->alpn_len += size;
    }
}

static void read_hints(struct record *r, const uint8_t *value, size_t len)
{
    for (size_t at = 0; at + 4 <= len && r->hint_count < HINTS_MAX; at += 4) {
        struct addr *a = &r->hints[r->hint_count++];
        memset(a, 0, sizeof(*a));
        a->family = AF_INET;
        memcpy(a->bytes, value + at, 4);
    }
}

static bool understood(const uint8_t *keys, size_t len)
{
    for (size_t at = 0; at + 2 <= len; at += 2) {
        unsigned key = (unsigned)(keys[at] << 8 | keys[at + 1]);
        if (key != ARES_SVCB_PARAM_ALPN && key != ARES_SVCB_PARAM_NO_DEFAULT_ALPN && key != ARES_SVCB_PARAM_PORT &&
            key != ARES_SVCB_PARAM_IPV4HINT)
            return false;
    }
    return true;
}

static void read_params(const ares_dns_rr_t *rr, struct record *r)
{
    for (size_t i = 0; i < ares_dns_rr_get_opt_cnt(rr, ARES_RR_HTTPS_PARAMS); i++) {
        const unsigned char *value = NULL;
        size_t len = 0;
        unsigned key = ares_dns_rr_get_opt(rr, ARES_RR_HTTPS_PARAMS, i, &value, &len);
        if (value == NULL)
            len = 0;
        switch (key) {
        case ARES_SVCB_PARAM_MANDATORY: r->usable &= understood(value, len); break;
        case ARES_SVCB_PARAM_ALPN: read_alpn(r, value, len); break;
        case ARES_SVCB_PARAM_NO_DEFAULT_ALPN: r->no_default = true; break;
        case ARES_SVCB_PARAM_PORT: r->usable &= len == 2 && (value[0] << 8 | value[1]) == PORT; break;
        case ARES_SVCB_PARAM_IPV4HINT: read_hints(r, value, len); break;
        default: break;
        }
    }
    /* Only HTTP/3: unusable here. */
    r->usable &= !(r->no_default && r->alpn_len == 0);
}

/* SvcParams in ascending order of their keys, as RFC 9460 requires. */
static uint8_t *put_params(uint8_t *p, const struct record *r)
{
    if (r->alpn_len != 0) {
        p = octets_put16(octets_put16(p, ARES_SVCB_PARAM_ALPN), (unsigned)r->alpn_len);
        memcpy(p, r->alpn, r->alpn_len);
        p += r->alpn_len;
        if (r->no_default)
            p = octets_put16(octets_put16(p, ARES_SVCB_PARAM_NO_DEFAULT_ALPN), 0);
    }
    if (r->hint_count != 0) {
        p = octets_put16(octets_put16(p, ARES_SVCB_PARAM_IPV4HINT), r->hint_count * 4);
        for (unsigned i = 0; i < r->hint_count; i++, p += 4)
            memcpy(p, r->hints[i].bytes, 4);
    }
    return p;
}

enum https_result https_take(const ares_dns_rr_t *rr, const char *name, struct cname *out)
{
    struct record r = {.usable = true};
    uint8_t data[HEAD + 3 + 4 + ALPN_MAX + 4 + 4 + 4 * HINTS_MAX];
    const char *target = ares_dns_rr_get_str(rr, ARES_RR_HTTPS_TARGET);
    uint16_t priority = ares_dns_rr_get_u16(rr, ARES_RR_HTTPS_PRIORITY);
    bool itself = target != NULL && (target[0] == '\0' || strcmp(target, ".") == 0 || strcasecmp(target, name) == 0);
    read_params(rr, &r);
    if (priority == 0 || !itself || !r.usable)
        return HTTPS_LEFT_OUT;
    for (unsigned i = 0; i < r.hint_count; i++)
        if (addr_kind(&r.hints[i]) == ADDR_NO_HOST) {
            out->addrs[0] = r.hints[i];
            return HTTPS_FORBIDDEN;
        }
    uint8_t *p = octets_put16(data, 0xc000 | DNS_HEADER_LEN);
    p = octets_put16(octets_put16(p, DNS_HTTPS), 1);
    p = octets_put16(octets_put16(p, 0), 0);
    uint8_t *length = p;
    p = octets_put16(p + 2, priority);
    *p++ = 0; /* TargetName ".": the owner itself */
    p = put_params(p, &r);
    octets_put16(length, (unsigned)(p - length - 2));
    size_t len = (size_t)(p - data);
    if (out->records_len + len > sizeof(out->records) || out->count + r.hint_count > DNS_ADDRS_MAX)
        return HTTPS_LEFT_OUT;
    memcpy(out->records + out->records_len, data, len);
    out->records_len += (uint16_t)len;
    out->record_count++;
    memcpy(out->addrs + out->count, r.hints, r.hint_count * sizeof(r.hints[0]));
    out->count += (uint8_t)r.hint_count;
    return HTTPS_TAKEN;
}
