#include "evict.h"

#include <string.h>

#define SLOTS (2 * EVICT_MAX)

/* An unkeyed hash will do: chosen collisions cost at most a walk over EVICT_MAX entries. */
static unsigned slot_of(const struct addr *a)
{
    uint32_t h = 2166136261u;
    for (unsigned i = 0; i < (a->family == AF_INET ? 4u : 16u); i++)
        h = (h ^ a->bytes[i]) * 16777619u;
    return (h ^ (h >> 15)) % SLOTS;
}

const struct addr *evict_victim(const struct addr *const owners[], unsigned count, const struct addr *newcomer)
{
    static struct {
        const struct addr *who;
        unsigned places;
    } table[SLOTS];
    const struct addr *victim = NULL;
    unsigned most = 0, his = 0;
    memset(table, 0, sizeof(table));
    for (unsigned i = 0; i < count && i < EVICT_MAX; i++) {
        if (owners[i] == NULL)
            continue;
        unsigned s = slot_of(owners[i]);
        while (table[s].who != NULL && !addr_equal(table[s].who, owners[i]))
            s = (s + 1) % SLOTS;
        table[s].who = owners[i];
        table[s].places++;
        if (table[s].places > most) {
            most = table[s].places;
            victim = owners[i];
        }
    }
    for (unsigned s = slot_of(newcomer); table[s].who != NULL; s = (s + 1) % SLOTS)
        if (addr_equal(table[s].who, newcomer))
            his = table[s].places;
    return most >= his + 2 ? victim : NULL;
}
