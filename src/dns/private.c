#include "private.h"

#include <string.h>

void private_clear(struct private_answers *p)
{
    p->count = p->never_count = 0;
}

bool private_domain(struct private_answers *p, const struct msg_private *m)
{
    if (p->count == CONF_PRIVATE_MAX)
        return false;
    memcpy(p->domains[p->count++], m->domain, sizeof(m->domain));
    return true;
}

bool private_never(struct private_answers *p, const struct msg_never *m)
{
    if (m->line) {
        p->line = m->net;
        return true;
    }
    if (p->never_count == PRIVATE_NEVER_MAX || m->net.addr.family == 0)
        return false;
    p->never[p->never_count++] = m->net;
    return true;
}

bool private_covers(const struct private_answers *p, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < p->count; i++) {
        size_t tail = strlen(p->domains[i]);
        if (len >= tail && strcmp(name + len - tail, p->domains[i]) == 0 &&
            (len == tail || name[len - tail - 1] == '.'))
            return true;
    }
    return false;
}

bool private_may(const struct private_answers *p, const struct addr *a)
{
    for (unsigned i = 0; i < p->never_count; i++)
        if (prefix_contains(&p->never[i], a))
            return false;
    return p->line.addr.family == 0 || !prefix_contains(&p->line, a);
}
