#include "hosts.h"

#include <string.h>

static unsigned slot_of(const struct addr *a)
{
    /* An unkeyed hash will do: the entries are the site's own, and a look-up walks over the few of them at worst. */
    uint32_t h = 2166136261u;
    for (unsigned i = 0; i < (a->family == AF_INET ? 4u : 16u); i++)
        h = (h ^ a->bytes[i]) * 16777619u;
    return (h ^ (h >> 16)) % HOSTS_SLOTS;
}

static const struct msg_host *find(const struct hosts *h, const struct addr *a, unsigned *slot)
{
    unsigned s = slot_of(a);
    for (; h->slots[s] != 0; s = (s + 1) % HOSTS_SLOTS)
        if (addr_equal(&h->hosts[h->slots[s] - 1].addr, a))
            return &h->hosts[h->slots[s] - 1];
    *slot = s;
    return NULL;
}

void hosts_clear(struct hosts *h)
{
    memset(h, 0, sizeof(*h));
    h->others = 0xff;
}

bool hosts_add(struct hosts *h, const struct msg_host *m)
{
    unsigned slot;
    if (m->addr.family == 0) {
        bool first = !h->others_known;
        h->others_known = true;
        h->others = m->services;
        return first;
    }
    if (h->count >= CONF_HOSTS_MAX || find(h, &m->addr, &slot) != NULL)
        return false;
    h->hosts[h->count] = *m;
    h->slots[slot] = (uint8_t)++h->count;
    return true;
}

bool hosts_may(const struct hosts *h, const struct addr *client, uint8_t service)
{
    unsigned unused;
    const struct msg_host *host = h->count != 0 ? find(h, client, &unused) : NULL;
    uint8_t services = host != NULL ? host->services : h->others;
    return services >> (service - 1) & 1;
}
