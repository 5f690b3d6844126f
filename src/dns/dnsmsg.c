#include "dnsmsg.h"
#include "octets.h"

#include <string.h>

#define FLAG_QR 0x80
#define FLAG_TC 0x02
#define FLAG_RD 0x01
#define FLAG2_RA 0x80
#define FLAG2_CD 0x10
#define CLASS_IN 1
#define OPT_LEN 11
#define OPT_EDE 15
#define SOA_LEN 34 /* pointer, type, class, TTL, length, two root names, five numbers */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* ---- reading ---- */

/* Read the uncompressed name at pos into *q. Returns the position after it, or 0. */
static size_t read_name(const uint8_t *in, size_t len, size_t pos, struct dns_question *q)
{
    size_t n = 0;
    for (;;) {
        if (pos >= len)
            return 0;
        uint8_t label = in[pos];
        if (label > 63 || pos + 1 + label > len || n + 1 + label > DNS_WIRE_NAME_MAX)
            return 0;
        q->name[n] = q->lower[n] = label;
        for (unsigned i = 1; i <= label; i++) {
            q->name[n + i] = in[pos + i];
            q->lower[n + i] = lower(in[pos + i]);
        }
        n += 1u + label;
        pos += 1u + label;
        if (label == 0)
            break;
    }
    q->name_len = (uint8_t)n;
    return pos;
}

/* Read the OPT record at pos, which must be the end of the message (RFC 6891 section 6.1.2). */
static enum dns_check read_opt(const uint8_t *in, size_t len, size_t pos, struct dns_question *q, enum dns_rcode *rcode)
{
    *rcode = DNS_FORMERR;
    if (len - pos < OPT_LEN || in[pos] != 0 || octets_get16(in + pos + 1) != DNS_OPT)
        return DNS_CHECK_REJECT;
    uint16_t size = octets_get16(in + pos + 3);
    size_t rdlen = octets_get16(in + pos + 9);
    if (pos + OPT_LEN + rdlen != len)
        return DNS_CHECK_REJECT;
    for (size_t at = pos + OPT_LEN; at < len;) {
        if (len - at < 4 || len - at - 4 < octets_get16(in + at + 2))
            return DNS_CHECK_REJECT;
        at += 4u + octets_get16(in + at + 2);
    }
    if (in[pos + 6] != 0) {
        *rcode = DNS_BADVERS;
        return DNS_CHECK_REJECT;
    }
    q->edns = true;
    q->dnssec_ok = in[pos + 7] & 0x80;
    q->room = size < DNS_PLAIN_MAX ? DNS_PLAIN_MAX : size > DNS_MSG_MAX ? DNS_MSG_MAX : size;
    return DNS_CHECK_OK;
}

enum dns_check dns_question_parse(const uint8_t *in, size_t len, struct dns_question *q, enum dns_rcode *rcode)
{
    if (len < DNS_HEADER_LEN || (in[2] & FLAG_QR))
        return DNS_CHECK_DROP;
    if ((in[2] & 0x78) != 0) {
        *rcode = DNS_NOTIMP;
        return DNS_CHECK_REJECT;
    }
    *rcode = DNS_FORMERR;
    unsigned additional = octets_get16(in + 10);
    if (len > DNS_MSG_MAX || octets_get16(in + 4) != 1 || octets_get16(in + 6) != 0 || octets_get16(in + 8) != 0 ||
        additional > 1)
        return DNS_CHECK_REJECT;
    size_t pos = read_name(in, len, DNS_HEADER_LEN, q);
    if (pos == 0 || len - pos < 4)
        return DNS_CHECK_REJECT;
    q->id = octets_get16(in);
    q->rd = in[2] & FLAG_RD;
    q->cd = in[3] & FLAG2_CD;
    q->type = octets_get16(in + pos);
    q->edns = q->dnssec_ok = false;
    q->room = DNS_PLAIN_MAX;
    if (octets_get16(in + pos + 2) != CLASS_IN) {
        *rcode = DNS_REFUSED;
        return DNS_CHECK_REJECT;
    }
    pos += 4;
    if (additional == 1)
        return read_opt(in, len, pos, q, rcode);
    return pos == len ? DNS_CHECK_OK : DNS_CHECK_REJECT;
}

size_t dns_echo_matches(const uint8_t *msg, size_t len, uint16_t id, const struct dns_question *q)
{
    size_t end = (size_t)DNS_HEADER_LEN + q->name_len + 4;
    if (len < end || octets_get16(msg) != id || !(msg[2] & FLAG_QR) || (msg[2] & 0x78) != 0 ||
        octets_get16(msg + 4) != 1)
        return 0;
    if (memcmp(msg + DNS_HEADER_LEN, q->name, q->name_len) != 0 || octets_get16(msg + end - 4) != q->type ||
        octets_get16(msg + end - 2) != CLASS_IN)
        return 0;
    return end;
}

bool dns_is_bare(const uint8_t *msg, size_t len)
{
    static const uint8_t none[8];
    return len == DNS_HEADER_LEN && (msg[2] & FLAG_QR) && (msg[2] & 0x78) == 0 && memcmp(msg + 4, none, 8) == 0;
}

/* ---- writing ---- */

size_t dns_build_error(const uint8_t *in, enum dns_rcode rcode, uint8_t *out)
{
    memset(out, 0, DNS_HEADER_LEN);
    out[0] = in[0];
    out[1] = in[1];
    out[2] = (uint8_t)(FLAG_QR | (in[2] & 0x79)); /* opcode and RD as in the query */
    out[3] = (uint8_t)(FLAG2_RA | (rcode & 0xf));
    if (rcode <= 0xf)
        return DNS_HEADER_LEN;
    octets_put16(out + 10, 1);
    uint8_t *p = out + DNS_HEADER_LEN;
    *p++ = 0;
    p = octets_put16(p, DNS_OPT);
    p = octets_put16(p, DNS_MSG_MAX);
    p = octets_put32(p, (uint32_t)(rcode >> 4) << 24);
    p = octets_put16(p, 0);
    return (size_t)(p - out);
}

static uint8_t *put_soa(uint8_t *p, uint32_t ttl)
{
    static const uint32_t numbers[4] = {1, 3600, 600, 86400}; /* serial, refresh, retry, expire: unused, no transfers */
    p = octets_put16(p, 0xc000 | DNS_HEADER_LEN);
    p = octets_put16(p, DNS_SOA);
    p = octets_put16(p, CLASS_IN);
    p = octets_put32(p, ttl);
    p = octets_put16(p, 2 + 5 * 4);
    *p++ = 0;
    *p++ = 0;
    for (int i = 0; i < 4; i++)
        p = octets_put32(p, numbers[i]);
    return octets_put32(p, ttl);
}

static uint8_t *put_opt(uint8_t *p, bool dnssec_ok, enum dns_ede ede, const char *text, size_t text_len)
{
    *p++ = 0;
    p = octets_put16(p, DNS_OPT);
    p = octets_put16(p, DNS_MSG_MAX);
    p = octets_put32(p, dnssec_ok ? 0x8000 : 0);
    if (ede == DNS_EDE_NONE)
        return octets_put16(p, 0);
    p = octets_put16(p, (unsigned)(6 + text_len));
    p = octets_put16(p, OPT_EDE);
    p = octets_put16(p, (unsigned)(2 + text_len));
    p = octets_put16(p, ede);
    if (text_len != 0)
        memcpy(p, text, text_len);
    return p + text_len;
}

size_t dns_build(const struct dns_question *q, const struct dns_answer *a, uint8_t *out)
{
    size_t used = (size_t)DNS_HEADER_LEN + q->name_len + 4 + (q->edns ? OPT_LEN : 0);
    enum dns_ede ede = q->edns ? a->ede : DNS_EDE_NONE;
    size_t text_len = ede != DNS_EDE_NONE && a->text != NULL ? strlen(a->text) : 0;
    size_t data = a->len + (a->soa ? SOA_LEN : 0);
    bool tc = a->tc || used + data > q->room;
    if (!tc)
        used += data;
    if (ede != DNS_EDE_NONE && used + 6 + text_len > q->room) {
        text_len = 0;
        if (used + 6 > q->room)
            ede = DNS_EDE_NONE;
    }

    octets_put16(out, q->id);
    out[2] = (uint8_t)(FLAG_QR | (q->rd ? FLAG_RD : 0) | (tc ? FLAG_TC : 0));
    out[3] = (uint8_t)(FLAG2_RA | (q->cd ? FLAG2_CD : 0) | (a->rcode & 0xf));
    octets_put16(out + 4, 1);
    octets_put16(out + 6, tc ? 0 : a->count);
    octets_put16(out + 8, !tc && a->soa ? 1 : 0);
    octets_put16(out + 10, q->edns ? 1 : 0);
    uint8_t *p = out + DNS_HEADER_LEN;
    memcpy(p, q->name, q->name_len);
    p = octets_put16(p + q->name_len, q->type);
    p = octets_put16(p, CLASS_IN);
    if (!tc && a->count != 0) {
        memcpy(p, a->records, a->len);
        for (unsigned i = 0; i < a->count; i++, p += 12u + octets_get16(p + 10))
            octets_put32(p + 6, a->ttl);
    }
    if (!tc && a->soa)
        p = put_soa(p, a->ttl);
    if (q->edns)
        p = put_opt(p, q->dnssec_ok, ede, a->text, text_len);
    return (size_t)(p - out);
}

size_t dns_build_copy(const struct dns_question *q, const uint8_t *copy, size_t len, uint8_t *out)
{
    size_t question_end = (size_t)DNS_HEADER_LEN + q->name_len + 4, opt = q->edns ? OPT_LEN : 0;
    bool tc = len + opt > q->room;
    if (tc)
        len = question_end;
    memcpy(out, copy, len);
    octets_put16(out, q->id);
    out[2] = (uint8_t)(FLAG_QR | (q->rd ? FLAG_RD : 0) | (tc ? FLAG_TC : 0));
    out[3] = (uint8_t)(FLAG2_RA | (q->cd ? FLAG2_CD : 0) | (copy[3] & 0xf));
    if (tc)
        memset(out + 6, 0, 4);
    octets_put16(out + 10, q->edns ? 1 : 0);
    memcpy(out + DNS_HEADER_LEN, q->name, q->name_len);
    return q->edns ? (size_t)(put_opt(out + len, q->dnssec_ok, DNS_EDE_NONE, NULL, 0) - out) : len;
}

unsigned dns_render(uint16_t type, const struct addr *addrs, unsigned count, uint8_t *out)
{
    const uint8_t *begin = out;
    unsigned len = type == DNS_A ? 4 : 16;
    for (unsigned i = 0; i < count; i++) {
        out = octets_put16(out, 0xc000 | DNS_HEADER_LEN); /* pointer to the question's name */
        out = octets_put16(out, type);
        out = octets_put16(out, CLASS_IN);
        out = octets_put32(out, 0);
        out = octets_put16(out, len);
        memcpy(out, addrs[i].bytes, len);
        out += len;
    }
    return (unsigned)(out - begin);
}

void dns_render_addr(uint16_t type, const uint8_t *p, struct addr *out)
{
    memset(out, 0, sizeof(*out));
    out->family = type == DNS_A ? AF_INET : AF_INET6;
    memcpy(out->bytes, p + 12, type == DNS_A ? 4 : 16);
}

void dns_mix_case(struct dns_question *q, const uint8_t bits[DNS_WIRE_NAME_MAX / 8 + 1])
{
    /* Length octets are below 64, so any octet in the range of letters is a letter. */
    for (unsigned i = 0; i < q->name_len; i++) {
        uint8_t c = q->lower[i];
        q->name[i] = c >= 'a' && c <= 'z' && (bits[i / 8] >> (i % 8) & 1) ? c ^ 0x20 : c;
    }
}

size_t dns_build_question(const struct dns_question *q, uint16_t id, uint8_t *out)
{
    memset(out, 0, DNS_HEADER_LEN);
    octets_put16(out, id);
    out[2] = FLAG_RD;
    out[3] = q->cd ? FLAG2_CD : 0;
    octets_put16(out + 4, 1);
    octets_put16(out + 10, q->edns ? 1 : 0);
    uint8_t *p = out + DNS_HEADER_LEN;
    memcpy(p, q->name, q->name_len);
    p = octets_put16(p + q->name_len, q->type);
    p = octets_put16(p, CLASS_IN);
    if (q->edns)
        p = put_opt(p, q->dnssec_ok, DNS_EDE_NONE, NULL, 0);
    return (size_t)(p - out);
}
