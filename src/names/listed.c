#include "listed.h"

#include <string.h>

static unsigned slot_of(const uint8_t *wire, uint8_t len)
{
    /* The list is the box's own, so nobody else chooses which names collide: a plain FNV-1a will do. */
    uint32_t h = 2166136261u;
    for (unsigned i = 0; i < len; i++)
        h = (h ^ wire[i]) * 16777619u;
    return (h ^ (h >> 16)) % LISTED_SLOTS;
}

int listed_find(const struct listed *l, const uint8_t *wire, uint8_t len)
{
    for (unsigned s = slot_of(wire, len); l->slots[s] != 0; s = (s + 1) % LISTED_SLOTS) {
        const struct listed_name *n = &l->names[l->slots[s] - 1];
        if (n->wire_len == len && memcmp(n->wire, wire, len) == 0)
            return l->slots[s] - 1;
    }
    return -1;
}

bool listed_add(struct listed *l, const struct msg_name *m)
{
    if (l->complete && m->id == 0)
        memset(l, 0, sizeof(*l));
    if (l->complete || m->id != l->count || l->count >= LISTED_MAX || m->service < 1 || m->service > CONF_SERVICES_MAX)
        return false;
    if (memchr(m->name, '\0', sizeof(m->name)) == NULL || !conf_is_fqdn(m->name))
        return false;
    for (const char *c = m->name; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            return false;
    struct listed_name *n = &l->names[l->count];
    n->service = m->service;
    memcpy(n->text, m->name, sizeof(n->text));
    n->wire_len = dns_name_to_wire(n->text, n->wire);
    if (n->wire_len == 0 || listed_find(l, n->wire, n->wire_len) >= 0)
        return false;
    unsigned s = slot_of(n->wire, n->wire_len);
    while (l->slots[s] != 0)
        s = (s + 1) % LISTED_SLOTS;
    l->slots[s] = (uint16_t)++l->count;
    return true;
}
