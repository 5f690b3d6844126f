#include "cname.h"
#include "https.h"
#include "private.h"

#include <ares.h>
#include <string.h>
#include <strings.h>

/* The address of an A or AAAA record; false for any other type. */
static bool record_addr(const ares_dns_rr_t *rr, struct addr *out)
{
    const void *from = NULL;
    memset(out, 0, sizeof(*out));
    if (ares_dns_rr_get_class(rr) != ARES_CLASS_IN)
        return false;
    if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_A) {
        out->family = AF_INET;
        from = ares_dns_rr_get_addr(rr, ARES_RR_A_ADDR);
    } else if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_AAAA) {
        out->family = AF_INET6;
        from = ares_dns_rr_get_addr6(rr, ARES_RR_AAAA_ADDR);
    }
    if (from == NULL)
        return false;
    memcpy(out->bytes, from, out->family == AF_INET ? 4 : 16);
    return true;
}

/* ---- the CNAME chain ---- */

struct links {
    unsigned count;
    const char *names[CNAME_LINKS_MAX + 1]; /* [0] is the name of the query */
};

static int link_index(const struct links *l, const char *name)
{
    for (unsigned i = 0; i < l->count; i++)
        if (strcasecmp(l->names[i], name) == 0)
            return (int)i;
    return -1;
}

/*
 * The CNAME of owner, NULL if it has none. *broken: it has two different ones, or an address too (RFC 1034 section
 * 3.6.2: an alias has no other data).
 */
static const char *next_link(const ares_dns_record_t *rec, const char *owner, uint32_t *ttl, bool *broken)
{
    const char *target = NULL;
    bool has_addr = false;
    for (size_t i = 0; i < ares_dns_record_rr_cnt(rec, ARES_SECTION_ANSWER); i++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(rec, ARES_SECTION_ANSWER, i);
        if (strcasecmp(ares_dns_rr_get_name(rr), owner) != 0)
            continue;
        struct addr unused;
        has_addr |= record_addr(rr, &unused);
        if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_CNAME)
            continue;
        const char *to = ares_dns_rr_get_str(rr, ARES_RR_CNAME_CNAME);
        if (to == NULL || (target != NULL && strcasecmp(target, to) != 0)) {
            *broken = true;
            return NULL;
        }
        target = to;
        if (ares_dns_rr_get_ttl(rr) < *ttl)
            *ttl = ares_dns_rr_get_ttl(rr);
    }
    *broken = target != NULL && has_addr;
    return target;
}

static bool follow(const ares_dns_record_t *rec, const char *name, struct links *l, uint32_t *ttl)
{
    l->count = 1;
    l->names[0] = name;
    for (;;) {
        bool broken = false;
        const char *target = next_link(rec, l->names[l->count - 1], ttl, &broken);
        if (broken)
            return false;
        if (target == NULL)
            return true;
        if (l->count > CNAME_LINKS_MAX || link_index(l, target) >= 0)
            return false;
        l->names[l->count++] = target;
    }
}

/* An HTTPS record of the chain's last link. False: the answer is forbidden. */
static bool collect_https(const ares_dns_rr_t *rr, const struct links *l, struct cname *out)
{
    if (ares_dns_rr_get_class(rr) != ARES_CLASS_IN || link_index(l, ares_dns_rr_get_name(rr)) != (int)l->count - 1)
        return true;
    if (https_take(rr, l->names[0], out) == HTTPS_FORBIDDEN) {
        out->result = CNAME_FORBIDDEN;
        return false;
    }
    if (ares_dns_rr_get_ttl(rr) < out->ttl)
        out->ttl = ares_dns_rr_get_ttl(rr);
    return true;
}

/* Addresses of the chain's last link; every address and CNAME in the answer must belong to the chain. */
static void collect(const ares_dns_record_t *rec, const struct links *l, uint16_t type, struct cname *out)
{
    uint8_t family = type == DNS_A ? AF_INET : type == DNS_AAAA ? AF_INET6 : 0;
    for (size_t i = 0; i < ares_dns_record_rr_cnt(rec, ARES_SECTION_ANSWER); i++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(rec, ARES_SECTION_ANSWER, i);
        struct addr a;
        bool is_addr = record_addr(rr, &a);
        if (type == DNS_HTTPS && ares_dns_rr_get_type(rr) == ARES_REC_TYPE_HTTPS) {
            if (!collect_https(rr, l, out))
                return;
            continue;
        }
        if (!is_addr && ares_dns_rr_get_type(rr) != ARES_REC_TYPE_CNAME)
            continue; /* RRSIG, DNAME and the like are neither used nor passed on */
        if (link_index(l, ares_dns_rr_get_name(rr)) < 0) {
            out->result = CNAME_BROKEN;
            return;
        }
        if (!is_addr || a.family != family)
            continue;
        if (addr_kind(&a) == ADDR_NO_HOST) {
            out->result = CNAME_FORBIDDEN;
            out->addrs[0] = a;
            return;
        }
        if (ares_dns_rr_get_ttl(rr) < out->ttl)
            out->ttl = ares_dns_rr_get_ttl(rr);
        if (out->count < DNS_ADDRS_MAX)
            out->addrs[out->count++] = a;
        else
            out->more = true;
    }
    out->result = type == DNS_HTTPS ? CNAME_RECORDS : CNAME_ADDRS;
}

/* RFC 2308 section 5: the TTL of a negative answer is the smaller of the SOA's TTL and its MINIMUM field. */
static uint32_t negative_ttl(const ares_dns_record_t *rec)
{
    for (size_t i = 0; i < ares_dns_record_rr_cnt(rec, ARES_SECTION_AUTHORITY); i++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(rec, ARES_SECTION_AUTHORITY, i);
        if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_SOA)
            continue;
        uint32_t ttl = ares_dns_rr_get_ttl(rr), minimum = ares_dns_rr_get_u32(rr, ARES_RR_SOA_MINIMUM);
        return ttl < minimum ? ttl : minimum;
    }
    return 0;
}

static void judge(const ares_dns_record_t *rec, const char *name, uint16_t type, struct cname *out)
{
    struct links links;
    ares_dns_rcode_t rcode = ares_dns_record_get_rcode(rec);
    bool cut = ares_dns_record_get_flags(rec) & ARES_FLAG_TC;
    if (rcode != ARES_RCODE_NOERROR && rcode != ARES_RCODE_NXDOMAIN) {
        out->result = CNAME_FAILED;
        return;
    }
    out->ttl = UINT32_MAX;
    if (!follow(rec, name, &links, &out->ttl)) {
        out->result = CNAME_BROKEN;
        return;
    }
    collect(rec, &links, type, out);
    if (out->result != CNAME_ADDRS && out->result != CNAME_RECORDS)
        return;
    bool none = out->result == CNAME_ADDRS ? out->count == 0 : out->record_count == 0;
    if (rcode == ARES_RCODE_NXDOMAIN)
        out->result = CNAME_NO_NAME;
    else if (none)
        out->result = cut ? CNAME_FAILED : CNAME_NO_DATA;
    if (out->result != CNAME_ADDRS && out->result != CNAME_RECORDS)
        out->ttl = negative_ttl(rec);
}

void cname_read(const uint8_t *msg, size_t len, const char *name, uint16_t type, struct cname *out)
{
    ares_dns_record_t *rec = NULL;
    memset(out, 0, sizeof(*out));
    if (ares_dns_parse(msg, len, 0, &rec) != ARES_SUCCESS) {
        out->result = CNAME_MALFORMED;
        return;
    }
    judge(rec, name, type, out);
    if (out->result != CNAME_ADDRS && out->result != CNAME_RECORDS)
        out->count = out->record_count = 0;
    ares_dns_record_destroy(rec);
}

/* ---- answers that are passed on ---- */

static bool addr_harmless(const struct addr *a, const struct private_answers *may)
{
    enum addr_kind kind = addr_kind(a);
    return kind != ADDR_NO_HOST && (kind != ADDR_PRIVATE || (may != NULL && private_may(may, a)));
}

/* Address hints of an SVCB or HTTPS record (RFC 9460 section 7.3) count as addresses. */
static bool hints_harmless(const ares_dns_rr_t *rr, ares_dns_rr_key_t key, const struct private_answers *may,
                           struct addr *bad)
{
    for (size_t i = 0; i < ares_dns_rr_get_opt_cnt(rr, key); i++) {
        const unsigned char *value = NULL;
        size_t len = 0;
        unsigned short param = ares_dns_rr_get_opt(rr, key, i, &value, &len);
        size_t size = param == ARES_SVCB_PARAM_IPV4HINT ? 4 : param == ARES_SVCB_PARAM_IPV6HINT ? 16 : 0;
        for (size_t at = 0; size != 0 && value != NULL && at + size <= len; at += size) {
            memset(bad, 0, sizeof(*bad));
            bad->family = size == 4 ? AF_INET : AF_INET6;
            memcpy(bad->bytes, value + at, size);
            if (!addr_harmless(bad, may))
                return false;
        }
    }
    return true;
}

static bool record_harmless(const ares_dns_rr_t *rr, const struct private_answers *may, struct addr *bad)
{
    /* Refuse classes other than IN: the query was for IN, and a careless client might use their data. (In an OPT record
     * the class field is a size: RFC 6891 section 6.1.2.) */
    if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_OPT && ares_dns_rr_get_class(rr) != ARES_CLASS_IN) {
        memset(bad, 0, sizeof(*bad));
        return false;
    }
    if (record_addr(rr, bad))
        return addr_harmless(bad, may);
    if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_HTTPS)
        return hints_harmless(rr, ARES_RR_HTTPS_PARAMS, may, bad);
    if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_SVCB)
        return hints_harmless(rr, ARES_RR_SVCB_PARAMS, may, bad);
    return true;
}

bool cname_harmless(const uint8_t *msg, size_t len, const struct private_answers *may, struct addr *bad)
{
    static const ares_dns_section_t sections[] = {ARES_SECTION_ANSWER, ARES_SECTION_AUTHORITY, ARES_SECTION_ADDITIONAL};
    ares_dns_record_t *rec = NULL;
    bool ok = true;
    memset(bad, 0, sizeof(*bad));
    if (ares_dns_parse(msg, len, 0, &rec) != ARES_SUCCESS)
        return false;
    for (unsigned s = 0; ok && s < sizeof(sections) / sizeof(sections[0]); s++)
        for (size_t i = 0; ok && i < ares_dns_record_rr_cnt(rec, sections[s]); i++)
            ok = record_harmless(ares_dns_record_rr_get_const(rec, sections[s], i), may, bad);
    ares_dns_record_destroy(rec);
    return ok;
}
