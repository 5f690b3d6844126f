#include "allowlist.h"

#include <string.h>

/* FNV-1a without a key: the list is the box's own, so an attacker cannot choose collisions. It runs from the end of the
 * name to its beginning, so that one pass gives the hash of every parent domain. */
#define HASH_BEGIN 2166136261u

static uint32_t hash_octet(uint32_t h, uint8_t octet)
{
    return (h ^ octet) * 16777619u;
}

static uint32_t hash_back(const uint8_t *wire, unsigned len)
{
    uint32_t h = HASH_BEGIN;
    while (len > 0)
        h = hash_octet(h, wire[--len]);
    return h;
}

static unsigned slot_of(uint32_t h)
{
    return (h ^ (h >> 16)) % ALLOWLIST_SLOTS;
}

static int find(const struct allowlist *l, const uint16_t *slots, uint32_t hash, const uint8_t *wire, unsigned len)
{
    for (unsigned s = slot_of(hash); slots[s] != 0; s = (s + 1) % ALLOWLIST_SLOTS) {
        const struct allowlist_name *n = &l->names[slots[s] - 1];
        if (n->wire_len == len && memcmp(n->wire, wire, len) == 0)
            return slots[s] - 1;
    }
    return -1;
}

/* The longest wildcard above the name. */
static int find_wild(const struct allowlist *l, const uint8_t *wire, unsigned len)
{
    uint8_t starts[DNS_WIRE_NAME_MAX];
    unsigned count = 0;
    int best = -1;
    for (unsigned pos = 0; pos + 1 < len; pos += 1u + wire[pos])
        starts[count++] = (uint8_t)pos;
    uint32_t h = HASH_BEGIN;
    unsigned at = len;
    for (; count > 1; count--) { /* the star stands for at least one label, so skip the whole name */
        while (at > starts[count - 1])
            h = hash_octet(h, wire[--at]);
        int id = find(l, l->wild_slots, h, wire + at, len - at);
        best = id >= 0 ? id : best;
    }
    return best;
}

/* Check the octets first: in text a dot inside a label would look like a label separator. */
static bool is_host_name(const uint8_t *wire, uint8_t len)
{
    char text[CONF_FQDN_MAX];
    for (unsigned pos = 0; pos + 1 < len; pos += 1u + wire[pos])
        for (unsigned i = 1; i <= wire[pos]; i++) {
            uint8_t c = wire[pos + i];
            if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
                return false;
        }
    dns_name_to_text(wire, len, text);
    return conf_is_fqdn(text);
}

int allowlist_find(const struct allowlist *l, const char *name)
{
    uint8_t wire[DNS_WIRE_NAME_MAX], len = dns_name_to_wire(name, wire);
    return allowlist_find_wire(l, wire, len);
}

int allowlist_find_wire(const struct allowlist *l, const uint8_t *wire, uint8_t len)
{
    int id = find(l, l->slots, hash_back(wire, len), wire, len);
    if (id >= 0 || l->wild_count == 0)
        return id;
    id = find_wild(l, wire, len);
    return id >= 0 && is_host_name(wire, len) ? id : -1;
}

bool allowlist_goes(const struct allowlist_name *n, uint8_t way)
{
    return n->via_line ? way == MSG_ON_LINE : way == n->service;
}

bool allowlist_begins(const struct allowlist *l, uint8_t way, const char *begin)
{
    size_t len = strlen(begin);
    for (unsigned i = 0; i < l->count; i++)
        if (allowlist_goes(&l->names[i], way) && (l->names[i].wild || strncmp(l->names[i].text, begin, len) == 0))
            return true;
    return false;
}

bool allowlist_is_zone_of(const struct allowlist_name *n, const uint8_t *wire, uint8_t len)
{
    for (unsigned pos = 0; pos < n->wire_len; pos += 1u + n->wire[pos])
        if (n->wire_len - pos == len)
            return memcmp(n->wire + pos, wire, len) == 0;
    return false;
}

static bool has_upper(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            return true;
    return false;
}

void allowlist_clear(struct allowlist *l)
{
    l->count = l->wild_count = 0;
    l->complete = false;
    memset(l->slots, 0, sizeof(l->slots));
    memset(l->wild_slots, 0, sizeof(l->wild_slots));
}

bool allowlist_add(struct allowlist *l, const struct msg_name *m)
{
    if (l->complete && m->id == 0)
        allowlist_clear(l);
    if (l->complete || m->id != l->count || l->count >= ALLOWLIST_MAX || m->service < 1 ||
        m->service > CONF_SERVICES_MAX)
        return false;
    if (memchr(m->name, '\0', sizeof(m->name)) == NULL || !conf_is_pattern(m->name) || has_upper(m->name))
        return false;
    struct allowlist_name *n = &l->names[l->count];
    n->service = m->service;
    n->ech_noise = m->ech_noise != 0;
    n->wild = m->name[0] == '*';
    n->via_line = m->via_line != 0;
    n->before = m->before != 0;
    memcpy(n->text, m->name, sizeof(n->text));
    n->wire_len = dns_name_to_wire(n->text + (n->wild ? 2 : 0), n->wire);
    uint16_t *slots = n->wild ? l->wild_slots : l->slots;
    uint32_t h = hash_back(n->wire, n->wire_len);
    if (n->wire_len == 0 || find(l, slots, h, n->wire, n->wire_len) >= 0)
        return false;
    unsigned s = slot_of(h);
    while (slots[s] != 0)
        s = (s + 1) % ALLOWLIST_SLOTS;
    slots[s] = (uint16_t)++l->count;
    l->wild_count += n->wild;
    return true;
}
