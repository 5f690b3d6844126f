#include "pc_tunnels.h"
#include "box_hubs.h"
#include "clock.h"
#include "lib/state_file.h"
#include "sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not shorter than what the kernel was told: no address may be another service's there while it is forgotten here. */
#define SLACK_MS UINT64_C(10000)
#define KNOWN_MS (ADMIT_TIMEOUT_MAX_S * UINT64_C(1000) + SLACK_MS)

#define LINE_MAX_OCTETS (INET6_ADDRSTRLEN + CONF_FQDN_MAX + 24)
#define FILE_OCTETS (PC_TUNNELS_MAX * LINE_MAX_OCTETS + 1)

static const struct conf_service *service_of(const struct pc_tunnels *p, unsigned id)
{
    return admit_service(p->admit, id);
}

static bool alive(const struct pc_tunnels_hub *h, uint64_t now_ms)
{
    return h->addr.family && h->until_ms > now_ms;
}

static bool is_box_hub(const struct pc_tunnels *p, const struct addr *addr)
{
    struct addr hubs[BOX_HUBS_MAX];
    unsigned count = box_hubs(p->admit->conf, p->session, hubs);
    for (unsigned i = 0; i < count; i++)
        if (addr_equal(&hubs[i], addr))
            return true;
    return false;
}

/* The box's own address, or the hub of another service. */
static bool taken(void *user, uint8_t service, const struct addr *addr)
{
    const struct pc_tunnels *p = user;
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        const struct pc_tunnels_hub *h = &p->hubs[i];
        if (alive(h, now_ms) && addr_equal(&h->addr, addr) && service_of(p, h->id)->number != service)
            return true;
    }
    return addr_equal(p->uplink, addr) || is_box_hub(p, addr);
}

/* ---- the list ---- */

/* This name's, with this address; NULL: none. */
static struct pc_tunnels_hub *find(struct pc_tunnels *p, uint16_t id, const struct addr *addr, uint64_t now_ms)
{
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++)
        if (p->hubs[i].id == id && alive(&p->hubs[i], now_ms) && addr_equal(&p->hubs[i].addr, addr))
            return &p->hubs[i];
    return NULL;
}

/* Its own place, or a free one; NULL: there is none. */
static struct pc_tunnels_hub *place(struct pc_tunnels *p, uint16_t id, const struct addr *addr, uint64_t now_ms)
{
    struct pc_tunnels_hub *own = find(p, id, addr, now_ms);
    for (unsigned i = 0; !own && i < PC_TUNNELS_MAX; i++)
        if (!alive(&p->hubs[i], now_ms))
            own = &p->hubs[i];
    return own;
}

/* None gives way to another: the kernel would still have it. */
static bool has_room(struct pc_tunnels *p, const struct msg_admit *m, uint64_t now_ms)
{
    unsigned all = 0, of_name = 0;
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        all += alive(&p->hubs[i], now_ms);
        of_name += alive(&p->hubs[i], now_ms) && p->hubs[i].id == m->id;
    }
    for (unsigned i = 0; i < m->count; i++)
        if (!find(p, m->id, &m->addrs[i], now_ms)) {
            all++;
            of_name++;
        }
    return all <= PC_TUNNELS_MAX && of_name <= PC_TUNNELS_NAME_MAX;
}

/* ---- the file: ADDRESS NAME END, the end by the clock since power-on ---- */

static void file_path(const struct pc_tunnels *p, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/gate/pc-hubs", p->run);
}

static int save(struct pc_tunnels *p, uint64_t now_ms)
{
    static char text[FILE_OCTETS];
    char path[160], name[INET6_ADDRSTRLEN];
    size_t len = 0;
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        const struct pc_tunnels_hub *h = &p->hubs[i];
        if (alive(h, now_ms))
            len +=
                (size_t)snprintf(text + len, sizeof text - len, "%s %s %llu\n", addr_text(&h->addr, name, sizeof name),
                                 admit_rule(p->admit, h->id)->name, (unsigned long long)h->until_ms);
    }
    file_path(p, path, sizeof path);
    if (publish_text(path, text, len) < 0)
        return -1;
    p->unsaved = false;
    return 0;
}

static int learn(void *user, const struct msg_admit *m)
{
    struct pc_tunnels *p = user;
    uint64_t now_ms = clock_monotonic_ms();
    if (!has_room(p, m, now_ms)) {
        errno = ENOSPC;
        return -1;
    }
    for (unsigned i = 0; i < m->count; i++) {
        struct pc_tunnels_hub *h = place(p, m->id, &m->addrs[i], now_ms);
        if (h)
            *h = (struct pc_tunnels_hub){m->addrs[i], m->id, now_ms + KNOWN_MS};
    }
    /* Not in the file is as bad as not in the kernel: a gate that is started again would not know it. */
    return save(p, now_ms);
}

/* False: no such line. (A name that the service files no longer list as a PC's hub is one, and left out.) */
static bool take_line(struct pc_tunnels *p, char *line, uint64_t now_ms)
{
    char *rest, *addr_part = strtok_r(line, " ", &rest), *name = strtok_r(NULL, " ", &rest);
    char *until = strtok_r(NULL, " ", &rest), *behind = NULL;
    struct pc_tunnels_hub h = {0};
    if (!addr_part || !name || !until || !conf_parse_addr(addr_part, &h.addr) || h.addr.family != AF_INET)
        return false;
    errno = 0;
    h.until_ms = strtoull(until, &behind, 10);
    if (errno || behind == until || *behind)
        return false;
    int id = allowlist_find(&p->admit->listed, name);
    if (id < 0 || !service_of(p, (unsigned)id)->by_pc || !alive(&h, now_ms))
        return true;
    h.id = (uint16_t)id;
    struct pc_tunnels_hub *free_one = place(p, h.id, &h.addr, now_ms);
    if (free_one)
        *free_one = h;
    return free_one != NULL;
}

/* What an earlier gate wrote; a line that is none ends it. */
static int load(struct pc_tunnels *p, uint64_t now_ms)
{
    static char kept[FILE_OCTETS];
    char path[160], *line, *rest;
    file_path(p, path, sizeof path);
    if (state_file_read(path, UID_GATE, kept, sizeof kept) < 0)
        return errno == ENOENT ? 0 : -1;
    for (line = strtok_r(kept, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!take_line(p, line, now_ms)) {
            errno = EBADMSG;
            return -1;
        }
    return 0;
}

int pc_tunnels_init(struct pc_tunnels *p)
{
    static struct firewall_allow known[PC_TUNNELS_MAX];
    uint64_t now_ms = clock_monotonic_ms();
    unsigned count = 0;
    memset(p->hubs, 0, sizeof p->hubs);
    p->unsaved = false;
    p->admit->taken = taken;
    p->admit->learn_hubs = learn;
    p->admit->hubs = p;
    if (load(p, now_ms) < 0)
        return -1;
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        const struct pc_tunnels_hub *h = &p->hubs[i];
        if (!alive(h, now_ms + SLACK_MS))
            continue;
        known[count++] = (struct firewall_allow){.addr = h->addr,
                                                 .service = service_of(p, h->id)->number,
                                                 .by_pc = true,
                                                 .timeout_s = (uint32_t)((h->until_ms - SLACK_MS - now_ms) / 1000) + 1};
    }
    return p->tell(known, count);
}

/* ---- the box has a tunnel to it ---- */

/* What an answer for this hub's name has entered. */
static int take_back(const struct pc_tunnels *p, const struct pc_tunnels_hub *h)
{
    const struct conf_rule *rule = admit_rule(p->admit, h->id);
    struct firewall_allow list[CONF_PORTS_MAX];
    for (unsigned i = 0; i < rule->port_count; i++)
        list[i] = (struct firewall_allow){.addr = h->addr,
                                          .proto = rule->ports[i].proto,
                                          .port = rule->ports[i].port,
                                          .service = service_of(p, h->id)->number,
                                          .by_pc = true};
    return p->revoke(list, rule->port_count);
}

int pc_tunnels_box_hub(struct pc_tunnels *p, const struct addr *hub)
{
    int result = 0;
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        struct pc_tunnels_hub *h = &p->hubs[i];
        if (!h->addr.family || !addr_equal(&h->addr, hub))
            continue;
        if (take_back(p, h) < 0) {
            result = -1;
        } else {
            *h = (struct pc_tunnels_hub){0};
            p->unsaved = true;
        }
    }
    return p->unsaved && save(p, clock_monotonic_ms()) < 0 ? -1 : result;
}

/* ---- a session begins ---- */

void pc_tunnels_wanted(struct pc_tunnels *p, const struct msg_blocked *m)
{
    const struct conf *conf = p->admit->conf;
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        const struct pc_tunnels_hub *h = &p->hubs[i];
        if (!alive(h, now_ms) || !addr_equal(&h->addr, &m->server))
            continue;
        /* As `dns` judges a question, by the address. (The rule set has judged the packet by its network card.) */
        uint8_t number = service_of(p, h->id)->number;
        if (conf_host_may(conf, conf_host_at(&conf->site, &m->client)) >> (number - 1) & 1)
            session_want(p->session, number, &m->client);
        return;
    }
}

void pc_tunnels_resolve(struct pc_tunnels *p, uint8_t service)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned id = 0; id < p->admit->name_count; id++) {
        struct msg_resolve m = {.id = (uint16_t)id};
        bool known = false;
        for (unsigned i = 0; service_of(p, id)->number == service && i < PC_TUNNELS_MAX; i++)
            known = known || (p->hubs[i].id == id && alive(&p->hubs[i], now_ms));
        if (!known)
            continue;
        const char *name = admit_rule(p->admit, id)->name;
        memcpy(m.name, name, strnlen(name, sizeof m.name - 1));
        dns_link_send(p->dns, MSG_RESOLVE, &m, -1);
    }
}
