#include "allowlist.h"

#include <string.h>

bool allowlist_add(struct allowlist *l, const struct msg_name *m)
{
    if (l->complete && m->id == 0) {
        l->complete = false;
        l->count = 0;
    }
    if (l->complete || m->id != l->count || l->count >= ALLOWLIST_MAX || m->service < 1 ||
        m->service > CONF_SERVICES_MAX)
        return false;
    if (memchr(m->name, '\0', sizeof m->name) == NULL || !conf_is_pattern(m->name))
        return false;
    for (const char *c = m->name; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            return false;
    l->names[l->count].service = m->service;
    l->names[l->count].ech_noise = m->ech_noise != 0;
    l->names[l->count].len = (uint8_t)strlen(m->name);
    memcpy(l->names[l->count].name, m->name, sizeof m->name);
    l->count++;
    return true;
}

int allowlist_find(const struct allowlist *l, uint8_t service, const char *name)
{
    size_t len = strlen(name);
    int wild = -1;
    for (unsigned i = 0; i < l->count; i++) {
        const char *n = l->names[i].name;
        if (l->names[i].service != service)
            continue;
        if (n[0] != '*' && l->names[i].len == len && memcmp(n, name, len) == 0)
            return (int)i;
        if (n[0] == '*' && wild < 0 && conf_name_covers(n, name))
            wild = (int)i;
    }
    return wild;
}

bool listed_begins(const struct allowlist *l, uint8_t service, const char *begin)
{
    size_t len = strlen(begin);
    for (unsigned i = 0; i < l->count; i++)
        if (l->names[i].service == service &&
            (l->names[i].name[0] == '*' || strncmp(l->names[i].name, begin, len) == 0))
            return true;
    return false;
}
