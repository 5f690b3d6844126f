/* Values of the configuration: addresses, names, numbers, durations. Pure functions. */
#include "conf_parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

bool conf_parse_addr(const char *text, struct addr *out)
{
    struct addr a = {0};
    if (inet_pton(AF_INET, text, a.bytes) == 1)
        a.family = AF_INET;
    else if (inet_pton(AF_INET6, text, a.bytes) == 1)
        a.family = AF_INET6;
    else
        return false;
    *out = a;
    return true;
}

bool conf_parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t n = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 9 || strspn(text, "0123456789") != len || (len > 1 && text[0] == '0'))
        return false;
    for (; *text; text++)
        n = n * 10 + (uint64_t)(*text - '0');
    if (n < min || n > max)
        return false;
    *out = (uint32_t)n;
    return true;
}

bool conf_parse_interface(const char *text, struct prefix *out)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    struct prefix p = {0};
    uint32_t len;
    if (!slash || (size_t)(slash - text) >= sizeof address)
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (!conf_parse_addr(address, &p.addr) ||
        !conf_parse_number(slash + 1, 0, p.addr.family == AF_INET ? 32 : 128, &len))
        return false;
    p.len = (uint8_t)len;
    *out = p;
    return true;
}

bool conf_parse_prefix(const char *text, struct prefix *out)
{
    static const uint8_t zero[16];
    struct prefix p;
    if (!conf_parse_interface(text, &p))
        return false;
    /* Host bits must be zero: clear the network part in a copy and see whether anything is left. */
    struct addr host = p.addr;
    for (unsigned bit = 0; bit < p.len; bit++)
        host.bytes[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
    if (memcmp(host.bytes, zero, sizeof zero) != 0)
        return false;
    *out = p;
    return true;
}

/* RFC 1123 section 2.1: letters, digits and hyphens, no hyphen at either end, 1 to 63 octets. */
static bool label_ok(const char *label, size_t len)
{
    if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)label[i]) && label[i] != '-')
            return false;
    return true;
}

bool conf_is_fqdn(const char *text)
{
    size_t total = strlen(text), labels = 0;
    const char *label = text;
    if (total == 0 || total >= CONF_FQDN_MAX)
        return false;
    for (;;) {
        size_t len = strcspn(label, ".");
        if (!label_ok(label, len))
            return false;
        labels++;
        if (label[len] == '\0')
            break;
        label += len + 1;
    }
    /* A last label of only digits is a mistyped address, never a top-level domain. */
    return labels >= 2 && strspn(label, "0123456789") != strlen(label);
}

bool conf_is_pattern(const char *text)
{
    return conf_is_fqdn(text[0] == '*' && text[1] == '.' ? text + 2 : text);
}

/* Is `word` one of the blank-separated words of `list`? */
static bool in_words(const char *list, const char *word, size_t len)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, word, len) == 0)
            return true;
        at += n;
        at += strspn(at, " ");
    }
    return false;
}

bool conf_domain_too_wide(const char *text)
{
    /* JPRS's organisational and prefecture types; other countries' usual second-level domains. */
    static const char organisations[] =
        "ac ad co com ed edu go gob gov gr id info ltd me mil ne net nhs nom or org plc "
        "sch lg";
    static const char prefectures[] =
        "aichi akita aomori chiba ehime fukui fukuoka fukushima gifu gunma hiroshima hokkaido hyogo ibaraki ishikawa "
        "iwate kagawa kagoshima kanagawa kochi kumamoto kyoto mie miyagi miyazaki nagano nagasaki nara niigata oita "
        "okayama okinawa osaka saga saitama shiga shimane shizuoka tochigi tokushima tokyo tottori toyama wakayama "
        "yamagata yamaguchi yamanashi";
    const char *dot = strchr(text, '.');
    if (!dot)
        return true;
    if (strchr(dot + 1, '.'))
        return false;
    size_t len = (size_t)(dot - text);
    if (strlen(dot + 1) == 2 && in_words(organisations, text, len))
        return true;
    return strcmp(dot + 1, "jp") == 0 && in_words(prefectures, text, len);
}

bool conf_pattern_too_wide(const char *text)
{
    return text[0] == '*' && text[1] == '.' && conf_domain_too_wide(text + 2);
}

bool conf_name_covers(const char *pattern, const char *name)
{
    if (pattern[0] != '*')
        return strcmp(pattern, name) == 0;
    size_t tail = strlen(pattern + 1), len = strlen(name); /* the tail begins with its dot */
    return len > tail && strcmp(name + len - tail, pattern + 1) == 0;
}

bool conf_rules_overlap(const struct conf_rule *a, const struct conf_rule *b)
{
    /* Compare wildcards with their star: `*.b.c` is inside `*.c`, but does not overlap the exact name `b.c`. */
    return strcmp(a->name, b->name) == 0 || conf_name_covers(a->name, b->name) || conf_name_covers(b->name, a->name);
}

bool conf_carries_all(const struct conf_service *service)
{
    for (unsigned i = 0; i < service->remote_count; i++)
        if (prefix_is_all(&service->remote[i]))
            return true;
    return false;
}

unsigned conf_registry(const struct conf_service *service, struct prefix out[CONF_PREFIXES_MAX])
{
    if (!conf_carries_all(service)) {
        memcpy(out, service->remote, service->remote_count * sizeof out[0]);
        return service->remote_count;
    }
    if (!service->resolver.family)
        return 0;
    out[0] = (struct prefix){service->resolver, service->resolver.family == AF_INET6 ? 128 : 32};
    return 1;
}

bool conf_is_short_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < CONF_NAME_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
           text[0] != '-';
}

bool conf_is_host(const char *text)
{
    struct addr a;
    return conf_is_fqdn(text) || (conf_parse_addr(text, &a) && addr_kind(&a) != ADDR_NO_HOST);
}

bool conf_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

bool conf_copy_lower(char *out, size_t size, const char *text)
{
    if (!conf_copy(out, size, text))
        return false;
    for (; *out; out++)
        if (*out >= 'A' && *out <= 'Z')
            *out = (char)(*out - 'A' + 'a');
    return true;
}

bool conf_parse_duration(const char *text, uint32_t *seconds)
{
    static const struct {
        const char *unit;
        uint32_t factor;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}};
    char digits[10];
    size_t len = strspn(text, "0123456789");
    uint32_t n;
    if (len == 0 || len >= sizeof digits)
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    const char *unit = text + len + strspn(text + len, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].unit) == 0 && conf_parse_number(digits, 0, 1000000, &n)) {
            *seconds = n * units[i].factor;
            return n <= UINT32_MAX / units[i].factor;
        }
    return false;
}

bool conf_parse_sha256(const char *text, uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++) {
        uint8_t byte = 0;
        if (i > 0 && *text == ':')
            text++;
        for (int half = 0; half < 2; half++, text++) {
            const char *digits = "0123456789abcdef";
            const char *at = *text ? strchr(digits, tolower((unsigned char)*text)) : NULL;
            if (!at)
                return false;
            byte = (uint8_t)(byte << 4 | (at - digits));
        }
        out[i] = byte;
    }
    return *text == '\0';
}
