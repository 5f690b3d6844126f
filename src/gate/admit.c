#include "admit.h"
#include "audit.h"
#include "log.h"
#include "siphash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void add_name(struct admit *a, unsigned service, unsigned rule)
{
    const struct conf_rule *r = &a->conf->services[service].rules[rule];
    struct msg_name m = {.id = (uint16_t)a->name_count,
                         .service = a->conf->services[service].number,
                         .ech_noise = r->ech_noise,
                         .via_line = r->via_line,
                         .before = r->before};
    memcpy(m.name, r->name, sizeof m.name);
    if (!allowlist_add(&a->listed, &m))
        log_fatal("%s is no name to be listed", r->name); /* the configuration was checked: it cannot be */
    a->names[a->name_count].service = (uint8_t)service;
    a->names[a->name_count].rule = (uint8_t)rule;
    a->name_count++;
}

void admit_init(struct admit *a, const struct conf *conf)
{
    a->conf = conf;
    a->name_count = 0;
    a->generation = 0;
    a->epoch++; /* invalidates all entries of the tables */
    a->line_epoch++;
    a->admitted = a->limited = a->limit_said_ms = 0;
    if (getrandom(a->key, sizeof a->key, 0) != sizeof a->key)
        log_fatal("no random numbers: %s", strerror(errno));
    allowlist_clear(&a->listed);
    for (unsigned i = 0; i < conf->service_count; i++)
        for (unsigned j = 0; j < conf->services[i].rule_count && a->name_count < ADMIT_NAMES_MAX; j++)
            add_name(a, i, j);
}

const struct conf_service *admit_service(const struct admit *a, unsigned id)
{
    return &a->conf->services[a->names[id].service];
}

const struct conf_rule *admit_rule(const struct admit *a, unsigned id)
{
    return &admit_service(a, id)->rules[a->names[id].rule];
}

const char *admit_name(const struct admit *a, unsigned id, uint8_t *service)
{
    if (id >= a->name_count)
        return NULL;
    const struct conf_service *s = admit_service(a, id);
    *service = s->number;
    return s->rules[a->names[id].rule].name;
}

static bool in_list(const struct prefix *list, unsigned count, const struct addr *a)
{
    for (unsigned i = 0; i < count; i++)
        if (prefix_contains(&list[i], a))
            return true;
    return false;
}

/* The hub of a PC's own tunnel is a host of the internet that is nothing else here. */
static enum msg_verdict check_pc_hub(const struct admit *a, const struct conf_service *s, const struct addr *addr)
{
    enum addr_kind kind = addr_kind(addr);
    if (addr->family != AF_INET || kind == ADDR_NO_HOST || kind == ADDR_PRIVATE ||
        prefix_contains(&a->conf->site.lan_address, addr) || (a->taken && a->taken(a->hubs, s->number, addr)))
        return ADMIT_FORBIDDEN;
    for (unsigned i = 0; i < a->conf->service_count; i++)
        if (in_list(a->conf->services[i].remote, a->conf->services[i].remote_count, addr))
            return ADMIT_FORBIDDEN;
    return ADMIT_OK;
}

/* May an answer make this address the registry's? (Networks that a file lists are in the packet filter anyway.) */
static bool learnable(const struct admit *a, const struct admit_now *now, const struct conf_service *s,
                      const struct addr *addr)
{
    return addr_kind(addr) != ADDR_NO_HOST && !prefix_contains(&a->conf->site.lan_address, addr) &&
           in_list(s->remote, s->remote_count, addr) && now->may && now->may(now->registry, addr);
}

/* The question: is this a name of the list, and an answer that can be read? */
static bool is_listed(const struct admit *a, const struct msg_admit *m)
{
    return m->id < a->name_count && m->count > 0 && m->count <= MSG_ADMIT_ADDRS &&
           allowlist_find(&a->listed, m->name) == m->id;
}

/*
 * What a listed name had is the registry's, and nothing of it is in clear from then on: also what is not opened, as it
 * came too late, lies outside of what the hub carries now, or came with another that is bad. (A name on the line is not
 * the registry's.)
 */
static bool learn_all(const struct admit *a, const struct admit_now *now, const struct msg_admit *m)
{
    bool all = true;
    if (!is_listed(a, m) || !conf_carries_all(admit_service(a, m->id)) || admit_rule(a, m->id)->via_line)
        return true;
    for (unsigned i = 0; i < m->count; i++)
        if (learnable(a, now, admit_service(a, m->id), &m->addrs[i]))
            all = now->learn(now->registry, &m->addrs[i]) == 0 && all;
    return all;
}

static enum msg_verdict check_address(const struct admit *a, const struct admit_now *now, const struct conf_service *s,
                                      const struct addr *addr)
{
    const struct prefix *negotiated = NULL;
    if (s->by_pc)
        return check_pc_hub(a, s, addr);
    if (addr_kind(addr) == ADDR_NO_HOST || prefix_contains(&a->conf->site.lan_address, addr))
        return ADMIT_FORBIDDEN;
    if (!in_list(s->remote, s->remote_count, addr))
        return addr_kind(addr) != ADDR_PUBLIC ? ADMIT_FORBIDDEN : ADMIT_OUTSIDE;
    if (conf_carries_all(s) && !learnable(a, now, s, addr))
        return ADMIT_FORBIDDEN;
    /* The kernel guards the service file's prefixes; the hub may have accepted fewer. */
    unsigned count = now->remote(now->user, s->number, &negotiated);
    return in_list(negotiated, count, addr) ? ADMIT_OK : ADMIT_OUTSIDE;
}

uint8_t admit_service_of(const struct admit *a, const char *name)
{
    int id = allowlist_find(&a->listed, name);
    return id < 0 ? 0 : a->listed.names[id].service;
}

static uint32_t timeout_of(const struct conf_service *s, const struct msg_admit *m)
{
    if (s->by_pc)
        return ADMIT_TIMEOUT_MAX_S; /* a tunnel to it may stand for as long as the session does */
    if (m->timeout_s == 0)
        return 1; /* to the kernel 0 would mean for ever */
    return m->timeout_s < ADMIT_TIMEOUT_MAX_S ? m->timeout_s : ADMIT_TIMEOUT_MAX_S;
}

static bool service_up(const struct admit_now *now, const struct conf_service *s)
{
    return now->services_up & (1u << (s->number - 1));
}

/* Is this name open in what is on now? */
static bool is_open(const struct admit_now *now, const struct conf_service *s, const struct conf_rule *rule)
{
    return service_up(now, s) || (rule->before && now->mode == MODE_BEFORE);
}

/* Behind a hub that carries everything is what has been learned, not everything. */
static bool is_registrys(const struct admit_now *now, const struct conf_service *s, const struct addr *addr)
{
    if (conf_carries_all(s))
        return !now->known || now->known(now->registry, addr);
    return in_list(s->remote, s->remote_count, addr);
}

/* A name on the line: an address of the internet, nobody's here. A registry's is reached through its tunnel only. */
static enum msg_verdict check_on_line(const struct admit *a, const struct admit_now *now, const struct conf_service *s,
                                      const struct addr *addr)
{
    enum addr_kind kind = addr_kind(addr);
    for (unsigned i = 0; i < a->conf->service_count; i++)
        if (is_registrys(now, &a->conf->services[i], addr))
            return ADMIT_REGISTRY;
    if (kind == ADDR_PRIVATE || kind == ADDR_NO_HOST || prefix_contains(&a->conf->site.lan_address, addr) ||
        (a->taken && a->taken(a->hubs, s->number, addr)))
        return ADMIT_FORBIDDEN;
    for (unsigned i = 0; i < now->own_count; i++)
        if (addr_equal(&now->own[i], addr))
            return ADMIT_FORBIDDEN;
    return ADMIT_OK;
}

/* For whom an element opens: the service, or on the line the two kinds of hosts that may use it. Returns how many. */
static unsigned for_whom(const struct admit *a, const struct conf_service *s, const struct conf_rule *rule,
                         uint8_t out[2])
{
    unsigned count = 0, bit = s->number - 1u;
    bool bound = false;
    if (!rule->via_line) {
        out[count++] = s->number;
        return count;
    }
    for (unsigned i = 0; i < a->conf->site.host_count; i++)
        bound = bound || (conf_host_may(a->conf, &a->conf->site.hosts[i]) >> bit & 1);
    if (bound)
        out[count++] = (uint8_t)(FIREWALL_ON_LINE + s->number);
    if (conf_host_may(a->conf, NULL) >> bit & 1)
        out[count++] = FIREWALL_ON_LINE;
    return count;
}

static unsigned put_elements(const struct admit *a, unsigned id, const struct addr *addr, uint32_t timeout_s,
                             struct firewall_allow *out)
{
    const struct conf_rule *rule = admit_rule(a, id);
    uint8_t whom[2];
    unsigned count = 0, kinds = for_whom(a, admit_service(a, id), rule, whom);
    for (unsigned k = 0; k < kinds; k++)
        for (unsigned j = 0; j < rule->port_count; j++)
            out[count++] = (struct firewall_allow){.addr = *addr,
                                                   .proto = rule->ports[j].proto,
                                                   .port = rule->ports[j].port,
                                                   .service = whom[k],
                                                   .timeout_s = timeout_s,
                                                   .tls = rule->ports[j].tls,
                                                   .by_pc = admit_service(a, id)->by_pc};
    return count;
}

/* The LAN has no IPv6, so on the line nothing is opened for it: it stands in hints of HTTPS records. */
static bool ignored(const struct conf_rule *rule, const struct addr *addr)
{
    return rule->via_line && addr->family != AF_INET;
}

enum msg_verdict admit_check(const struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                             struct firewall_allow out[FIREWALL_ALLOW_MAX], unsigned *count)
{
    *count = 0;
    if (!is_listed(a, m))
        return ADMIT_FORBIDDEN;
    const struct conf_service *s = admit_service(a, m->id);
    const struct conf_rule *rule = admit_rule(a, m->id);
    if (!now->generation || m->generation != now->generation || !is_open(now, s, rule))
        return ADMIT_STALE;
    uint32_t timeout = timeout_of(s, m);
    for (unsigned i = 0; i < m->count; i++) {
        if (ignored(rule, &m->addrs[i]))
            continue;
        enum msg_verdict verdict =
            rule->via_line ? check_on_line(a, now, s, &m->addrs[i]) : check_address(a, now, s, &m->addrs[i]);
        if (verdict != ADMIT_OK)
            return verdict; /* one bad address refuses the whole answer */
        *count += put_elements(a, m->id, &m->addrs[i], timeout, out + *count);
    }
    return ADMIT_OK;
}

/* ---- the tables: each key has WINDOW slots, expired entries are free ---- */

#define WINDOW 16

/* A table was full: log it, at most once a minute. */
static void limit(struct admit *a, uint64_t now_ms, enum cause_code what)
{
    a->limited++;
    if (a->limit_said_ms && now_ms - a->limit_said_ms < ADMIT_LIMIT_LOG_MS)
        return;
    a->limit_said_ms = now_ms;
    log_warn("a table of open addresses is full (%llu times so far): %s", (unsigned long long)a->limited,
             cause_word(what));
    audit_event("limit", "table=\"open addresses\" times=%llu cause=\"%s\"", (unsigned long long)a->limited,
                cause_word(what));
}

static bool is_wildcard(const struct admit *a, unsigned id)
{
    return admit_rule(a, id)->name[0] == '*';
}

static uint32_t epoch_of(const struct admit *a, unsigned id)
{
    return admit_rule(a, id)->via_line ? a->line_epoch : a->epoch;
}

static bool pair_current(const struct admit *a, const struct admit_pair *p)
{
    return p->epoch != 0 && p->epoch == epoch_of(a, p->rule);
}

static uint32_t element_epoch(const struct admit *a, const struct firewall_allow *e)
{
    return e->service >= FIREWALL_ON_LINE ? a->line_epoch : a->epoch;
}

static uint64_t pair_id(const struct admit *a, unsigned id, const char *name, const struct addr *addr)
{
    uint8_t text[2 + 1 + 16 + CONF_FQDN_MAX] = {(uint8_t)(id >> 8), (uint8_t)id, addr->family};
    size_t len = strnlen(name, CONF_FQDN_MAX - 1);
    memcpy(text + 3, addr->bytes, 16);
    memcpy(text + 19, name, len);
    return siphash(a->key, text, 19 + len);
}

static bool pair_alive(const struct admit *a, const struct admit_pair *p, uint64_t now_ms)
{
    return pair_current(a, p) && p->ends_ms > now_ms;
}

static const struct admit_pair *pair_find(const struct admit *a, uint64_t id)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        const struct admit_pair *p = &a->pairs[(id + i) & (ADMIT_PAIRS - 1)];
        if (pair_current(a, p) && p->id == id)
            return p;
    }
    return NULL;
}

/*
 * Its own entry or a free one. When all are in use, an exactly listed name evicts one below a wildcard, the one that
 * expires first: below a wildcard a PC can invent any number of names. NULL: no room.
 */
static struct admit_pair *pair_place(struct admit *a, uint64_t id, unsigned rule, uint64_t now_ms)
{
    struct admit_pair *place = NULL, *other = NULL;
    for (unsigned i = 0; i < WINDOW; i++) {
        struct admit_pair *p = &a->pairs[(id + i) & (ADMIT_PAIRS - 1)];
        if (pair_current(a, p) && p->id == id)
            return p;
        if (!pair_alive(a, p, now_ms))
            place = place ? place : p;
        else if (is_wildcard(a, p->rule) && (!other || p->ends_ms < other->ends_ms))
            other = p;
    }
    return place || is_wildcard(a, rule) ? place : other;
}

static bool same_element(const struct firewall_allow *x, const struct firewall_allow *y)
{
    return x->port == y->port && x->proto == y->proto && x->service == y->service && x->tls == y->tls &&
           addr_equal(&x->addr, &y->addr);
}

/*
 * Its entry, created if necessary. When all are in use the one that expires first is evicted; the kernel still has
 * it.
 */
static struct admit_element *element_place(struct admit *a, const struct firewall_allow *e, uint64_t now_ms)
{
    uint8_t text[22] = {e->addr.family, e->proto, (uint8_t)(e->port >> 8), (uint8_t)e->port, e->service, e->tls};
    struct admit_element *place = NULL;
    memcpy(text + 6, e->addr.bytes, 16);
    uint64_t at = siphash(a->key, text, sizeof text);
    for (unsigned i = 0; i < WINDOW; i++) {
        struct admit_element *p = &a->elements[(at + i) & (ADMIT_ELEMENTS - 1)];
        bool current = p->epoch == element_epoch(a, &p->element);
        if (current && same_element(&p->element, e))
            return p;
        if (!current)
            p->ends_ms = p->pending_at_ms = 0;
        if (!place || p->ends_ms < place->ends_ms)
            place = p;
    }
    if (place->ends_ms > now_ms)
        limit(a, now_ms, CAUSE_SHARED_ADDRESS_MAY_CLOSE);
    *place = (struct admit_element){.element = *e, .epoch = element_epoch(a, e)};
    return place;
}

/* Index of this name's text; ADMIT_TEXTS: no room. */
static uint16_t text_place(struct admit *a, const char *name, uint64_t now_ms, uint64_t ends_ms)
{
    uint64_t at = siphash(a->key, name, strlen(name));
    struct admit_text *place = NULL;
    for (unsigned i = 0; i < WINDOW; i++) {
        struct admit_text *t = &a->texts[(at + i) & (ADMIT_TEXTS - 1)];
        bool alive = t->epoch == a->epoch && t->ends_ms > now_ms;
        if (alive && strcmp(t->name, name) == 0) {
            place = t;
            break;
        }
        if (!alive && !place)
            place = t;
    }
    if (!place)
        return ADMIT_TEXTS;
    if (place->epoch != a->epoch || place->ends_ms < ends_ms)
        place->ends_ms = ends_ms; /* as long as the longest of its pairs */
    place->epoch = a->epoch;
    memmove(place->name, name, strlen(name) + 1);
    return (uint16_t)(place - a->texts);
}

/* ---- admission ---- */

/* What is to be opened is a PC's hub first: nothing of a tunnel passes to it without a session from then on. */
static bool learn_hubs(struct admit *a, const struct admit_now *now, const struct msg_admit *m)
{
    if (!admit_service(a, m->id)->by_pc || !a->learn_hubs || a->learn_hubs(a->hubs, m) == 0)
        return true;
    if (errno == ENOSPC)
        limit(a, now->now_ms, CAUSE_PC_HUB_UNANSWERED);
    return false;
}

enum msg_verdict admit_prepare(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                               struct firewall_allow list[FIREWALL_ALLOW_MAX], unsigned *count)
{
    bool learned = learn_all(a, now, m);
    enum msg_verdict verdict = admit_check(a, now, m, list, count);
    if (verdict != ADMIT_OK)
        return verdict;
    if (a->generation != now->generation) {
        a->generation = now->generation;
        a->line_epoch++; /* the change of mode has flushed the sets */
        a->epoch += now->mode != MODE_BEFORE;
    }
    for (unsigned i = 0; i < m->count; i++)
        if (!pair_place(a, pair_id(a, m->id, m->name, &m->addrs[i]), m->id, now->now_ms)) {
            limit(a, now->now_ms, CAUSE_WILDCARD_NAME_UNANSWERED);
            return ADMIT_KERNEL;
        }
    if (!learned || !learn_hubs(a, now, m))
        return ADMIT_KERNEL;
    for (unsigned i = 0; i < *count; i++) {
        struct admit_element *e = element_place(a, &list[i], now->now_ms);
        uint64_t ends_ms = now->now_ms + (uint64_t)list[i].timeout_s * 1000;
        if (ends_ms < e->ends_ms)
            ends_ms = e->ends_ms;
        if (e->pending_at_ms == now->now_ms && ends_ms < e->pending_ends_ms)
            ends_ms = e->pending_ends_ms;
        e->pending_at_ms = now->now_ms;
        e->pending_ends_ms = ends_ms;
        list[i].timeout_s = (uint32_t)((ends_ms - now->now_ms + 999) / 1000);
    }
    return ADMIT_OK;
}

static void remember_pair(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                          const struct addr *addr, uint64_t ends_ms)
{
    uint64_t id = pair_id(a, m->id, m->name, addr);
    struct admit_pair *p = pair_place(a, id, m->id, now->now_ms);
    if (!p) { /* other answers of the batch have taken the last slot */
        limit(a, now->now_ms, CAUSE_WILDCARD_NAME_UNANSWERED);
        return;
    }
    if (pair_alive(a, p, now->now_ms) && p->id != id)
        limit(a, now->now_ms, CAUSE_WILDCARD_NAME_GIVES_WAY);
    if (pair_current(a, p) && p->id == id && p->ends_ms > ends_ms)
        ends_ms = p->ends_ms;
    uint16_t text = is_wildcard(a, m->id) ? text_place(a, m->name, now->now_ms, ends_ms) : ADMIT_TEXTS;
    *p = (struct admit_pair){id, ends_ms, epoch_of(a, m->id), m->id, text, *addr};
}

void admit_done(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                const struct firewall_allow *list, unsigned count)
{
    uint64_t ends_ms = now->now_ms + timeout_of(admit_service(a, m->id), m) * 1000ULL;
    for (unsigned i = 0; i < m->count; i++)
        if (!ignored(admit_rule(a, m->id), &m->addrs[i]))
            remember_pair(a, now, m, &m->addrs[i], ends_ms);
    for (unsigned i = 0; i < count; i++) {
        struct admit_element *e = element_place(a, &list[i], now->now_ms);
        uint64_t ends = now->now_ms + (uint64_t)list[i].timeout_s * 1000;
        if (e->ends_ms < ends)
            e->ends_ms = ends;
    }
    a->admitted++;
}

enum msg_verdict admit_open(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                            int (*allow)(const struct firewall_allow *, unsigned))
{
    static struct firewall_allow list[FIREWALL_ALLOW_MAX];
    unsigned count;
    enum msg_verdict verdict = admit_prepare(a, now, m, list, &count);
    if (verdict != ADMIT_OK)
        return verdict;
    if (allow(list, count) < 0)
        return ADMIT_KERNEL;
    admit_done(a, now, m, list, count);
    return ADMIT_OK;
}

/* ---- queries ---- */

static bool has_tls_port(const struct conf_rule *rule, uint16_t port)
{
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].tls && rule->ports[i].proto == IPPROTO_TCP && rule->ports[i].port == port)
            return true;
    return false;
}

/* Were this name and this address admitted together, is the pair alive, and the name open now? */
static bool pair_agrees(const struct admit *a, const struct admit_now *now, unsigned id, const struct addr *server,
                        uint16_t port, const char *name)
{
    const struct conf_rule *rule = admit_rule(a, id);
    if (!now->generation || now->generation != a->generation || !is_open(now, admit_service(a, id), rule) ||
        !has_tls_port(rule, port))
        return false;
    const struct admit_pair *p = pair_find(a, pair_id(a, id, name, server));
    return p && p->ends_ms + ADMIT_HELLO_MS > now->now_ms;
}

bool admit_agrees(const struct admit *a, const struct admit_now *now, uint8_t service, const struct addr *server,
                  uint16_t port, const char *name)
{
    int id = allowlist_find(&a->listed, name);
    return id >= 0 && a->listed.names[id].service == service && !admit_rule(a, (unsigned)id)->via_line &&
           pair_agrees(a, now, (unsigned)id, server, port, name);
}

bool admit_agrees_on_line(const struct admit *a, const struct admit_now *now, const struct addr *client,
                          const struct addr *server, uint16_t port, const char *name)
{
    int id = allowlist_find(&a->listed, name);
    uint8_t may = conf_host_may(a->conf, conf_host_at(&a->conf->site, client));
    return id >= 0 && admit_rule(a, (unsigned)id)->via_line && (may >> (a->listed.names[id].service - 1) & 1) &&
           pair_agrees(a, now, (unsigned)id, server, port, name);
}

void admit_each(const struct admit *a, uint64_t now_ms, admit_each_fn *each, void *user)
{
    for (unsigned i = 0; i < ADMIT_PAIRS; i++) {
        const struct admit_pair *p = &a->pairs[i];
        if (pair_alive(a, p, now_ms))
            each(user, p, p->text < ADMIT_TEXTS ? a->texts[p->text].name : admit_rule(a, p->rule)->name);
    }
}
