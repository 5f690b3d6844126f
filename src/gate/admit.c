#include "admit.h"

#include <string.h>

void admit_init(struct admit *a, const struct conf *conf)
{
    memset(a, 0, sizeof *a);
    a->conf = conf;
    for (unsigned i = 0; i < conf->service_count; i++)
        for (unsigned j = 0; j < conf->services[i].rule_count && a->name_count < ADMIT_NAMES_MAX; j++) {
            a->names[a->name_count].service = (uint8_t)i;
            a->names[a->name_count].rule = (uint8_t)j;
            a->name_count++;
        }
}

const char *admit_name(const struct admit *a, unsigned id, uint8_t *service)
{
    if (id >= a->name_count)
        return NULL;
    const struct conf_service *s = &a->conf->services[a->names[id].service];
    *service = s->number;
    return s->rules[a->names[id].rule].name;
}

/* Never a registry's address, whatever a service file says: this host, this link, no single host, no host at all. */
static bool never(const struct addr *a)
{
    static const struct {
        const char *text;
    } ranges[] = {{"0.0.0.0/8"}, {"127.0.0.0/8"},   {"169.254.0.0/16"}, {"224.0.0.0/3"},
                  {"::/127"},    {"::ffff:0:0/96"}, {"fe80::/10"},      {"ff00::/8"}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct prefix p;
        if (conf_parse_prefix(ranges[i].text, &p) && prefix_contains(&p, a))
            return true;
    }
    return false;
}

static bool in_list(const struct prefix *list, unsigned count, const struct addr *a)
{
    for (unsigned i = 0; i < count; i++)
        if (prefix_contains(&list[i], a))
            return true;
    return false;
}

static enum msg_verdict check_address(const struct admit *a, const struct admit_now *now, const struct conf_service *s,
                                      const struct addr *addr)
{
    const struct prefix *negotiated = NULL;
    if (never(addr) || prefix_contains(&a->conf->site.lan_address, addr))
        return ADMIT_FORBIDDEN;
    /* The service file's prefixes are what the kernel guards; the hub may have agreed to less. */
    unsigned count = now->remote(now->user, s->number, &negotiated);
    if (in_list(s->remote, s->remote_count, addr) && in_list(negotiated, count, addr))
        return ADMIT_OK;
    return addr_is_special(addr) ? ADMIT_FORBIDDEN : ADMIT_OUTSIDE;
}

enum msg_verdict admit_check(const struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                             struct kernel_allow out[KERNEL_ALLOW_MAX], unsigned *count)
{
    *count = 0;
    if (m->id >= a->name_count || m->count == 0 || m->count > MSG_ADMIT_ADDRS)
        return ADMIT_FORBIDDEN;
    const struct conf_service *s = &a->conf->services[a->names[m->id].service];
    const struct conf_rule *rule = &s->rules[a->names[m->id].rule];
    if (!now->generation || m->generation != now->generation || !(now->services_up & (1u << (s->number - 1))))
        return ADMIT_STALE;
    uint32_t timeout = m->timeout_s < ADMIT_TIMEOUT_MAX_S ? m->timeout_s : ADMIT_TIMEOUT_MAX_S;
    if (timeout == 0)
        timeout = 1; /* to the kernel 0 would mean for ever */
    for (unsigned i = 0; i < m->count; i++) {
        enum msg_verdict verdict = check_address(a, now, s, &m->addrs[i]);
        if (verdict != ADMIT_OK)
            return verdict; /* one bad address spoils the answer */
        for (unsigned j = 0; j < rule->port_count; j++)
            out[(*count)++] = (struct kernel_allow){.addr = m->addrs[i],
                                                    .proto = rule->ports[j].proto,
                                                    .port = rule->ports[j].port,
                                                    .service = s->number,
                                                    .timeout_s = timeout};
    }
    return ADMIT_OK;
}

/* ---- remembering when elements end ---- */

static bool same_element(const struct kernel_allow *x, const struct kernel_allow *y)
{
    return x->port == y->port && x->proto == y->proto && x->service == y->service && addr_equal(&x->addr, &y->addr);
}

static uint32_t hash(const struct kernel_allow *e)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (unsigned i = 0; i < sizeof e->addr.bytes; i++)
        h = (h ^ e->addr.bytes[i]) * 16777619u;
    h = (h ^ e->port) * 16777619u;
    h = (h ^ (uint32_t)(e->proto << 8 | e->service)) * 16777619u;
    return h ^ h >> 16;
}

/* Its place, or a free or outlived one nearby; NULL: none, and the element just gets the time that it asks for. */
static struct admit_memory *place(struct admit *a, const struct kernel_allow *e, uint64_t now_ms)
{
    struct admit_memory *free_place = NULL;
    uint32_t at = hash(e);
    for (unsigned i = 0; i < 16; i++) {
        struct admit_memory *m = &a->memory[(at + i) & (ADMIT_MEMORY - 1)];
        if (m->ends_ms && same_element(&m->element, e))
            return m;
        if (m->ends_ms <= now_ms && !free_place)
            free_place = m;
    }
    if (free_place)
        *free_place = (struct admit_memory){.element = *e, .ends_ms = now_ms + 1}; /* taken, until the kernel agrees */
    return free_place;
}

enum msg_verdict admit_open(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                            int (*allow)(const struct kernel_allow *, unsigned))
{
    static struct kernel_allow list[KERNEL_ALLOW_MAX];
    static struct admit_memory *places[KERNEL_ALLOW_MAX];
    unsigned count;
    enum msg_verdict verdict = admit_check(a, now, m, list, &count);
    if (verdict != ADMIT_OK)
        return verdict;
    if (a->generation != now->generation) {
        memset(a->memory, 0, sizeof a->memory); /* the set was emptied with the change of session */
        a->generation = now->generation;
    }
    for (unsigned i = 0; i < count; i++) {
        places[i] = place(a, &list[i], now->now_ms);
        uint64_t left_ms = places[i] && places[i]->ends_ms > now->now_ms ? places[i]->ends_ms - now->now_ms : 0;
        if (left_ms > (uint64_t)list[i].timeout_s * 1000)
            list[i].timeout_s = (uint32_t)((left_ms + 999) / 1000);
    }
    if (allow(list, count) < 0)
        return ADMIT_KERNEL;
    for (unsigned i = 0; i < count; i++)
        if (places[i])
            places[i]->ends_ms = now->now_ms + (uint64_t)list[i].timeout_s * 1000;
    a->admitted++;
    return ADMIT_OK;
}
