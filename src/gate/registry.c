#include "registry.h"
#include "audit.h"
#include "box_hubs.h"
#include "clock.h"
#include "lib/state_file.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_OCTETS (2 * INET6_ADDRSTRLEN + 2)
#define FILE_OCTETS (REGISTRY_MAX * LINE_MAX_OCTETS + 1)

static char text[FILE_OCTETS];

/* ---- addresses in order ---- */

static unsigned octets(const struct addr *a)
{
    return a->family == AF_INET6 ? 16 : 4;
}

static int compare(const struct addr *a, const struct addr *b)
{
    return a->family != b->family ? (int)a->family - (int)b->family : memcmp(a->bytes, b->bytes, octets(a));
}

/* One more or one less; false: there is none. */
static bool step(const struct addr *a, bool up, struct addr *out)
{
    *out = *a;
    for (int i = (int)octets(a) - 1; i >= 0; i--) {
        out->bytes[i] = (uint8_t)(out->bytes[i] + (up ? 1 : 255));
        if (out->bytes[i] != (up ? 0 : 255))
            return true;
    }
    return false;
}

static struct prefix single(const struct addr *a)
{
    return (struct prefix){*a, a->family == AF_INET6 ? 128 : 32};
}

static struct firewall_range range_of(const struct registry *r, const struct prefix *p)
{
    struct firewall_range range = {.service = r->service};
    range.first.family = range.last.family = p->addr.family;
    for (unsigned i = 0; i < octets(&p->addr); i++) {
        unsigned bits = p->len >= 8 * (i + 1) ? 8 : p->len > 8 * i ? p->len - 8 * i : 0;
        uint8_t host = (uint8_t)(0xff >> bits);
        range.first.bytes[i] = p->addr.bytes[i] & (uint8_t)~host;
        range.last.bytes[i] = p->addr.bytes[i] | host;
    }
    return range;
}

/* ---- the list ---- */

/* What of `range` is not in the list yet: a part before each that is, and one behind them. Returns how many. */
static unsigned missing(const struct registry *r, const struct firewall_range *range,
                        struct firewall_range out[REGISTRY_MAX + 1])
{
    struct firewall_range rest = *range;
    unsigned count = 0;
    for (unsigned i = 0; i < r->count; i++) {
        const struct firewall_range *known = &r->list[i];
        if (compare(&known->last, &rest.first) < 0)
            continue;
        if (compare(&known->first, &rest.last) > 0)
            break;
        if (compare(&known->first, &rest.first) > 0) {
            out[count] = rest;
            (void)step(&known->first, false, &out[count].last);
            count++;
        }
        if (compare(&known->last, &rest.last) >= 0 || !step(&known->last, true, &rest.first))
            return count;
    }
    out[count++] = rest;
    return count;
}

static void insert(struct registry *r, const struct firewall_range *range)
{
    unsigned at = r->count;
    while (at > 0 && compare(&r->list[at - 1].first, &range->first) > 0)
        at--;
    memmove(&r->list[at + 1], &r->list[at], (r->count - at) * sizeof r->list[0]);
    r->list[at] = *range;
    r->count++;
}

/* ---- the file ---- */

static void file_path(const struct registry *r, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/gate/registry", r->run);
}

/* Into `text`; returns its length. */
static size_t write_list(const struct registry *r)
{
    char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];
    size_t len = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < r->count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %s\n",
                                addr_text(&r->list[i].first, first, sizeof first),
                                addr_text(&r->list[i].last, last, sizeof last));
    return len;
}

static int save(struct registry *r)
{
    char path[160];
    size_t len = write_list(r);
    file_path(r, path, sizeof path);
    r->unsaved = publish_text(path, text, len) < 0;
    return r->unsaved ? -1 : 0;
}

/* There was no room. One line a minute at most says so. */
static int limit(struct registry *r)
{
    uint64_t now_ms = clock_monotonic_ms();
    r->limited++;
    if (r->limited == 1 || now_ms - r->limit_said_ms >= REGISTRY_LOG_MS) {
        r->limit_said_ms = now_ms;
        log_warn("the table of registry addresses is full (%llu times so far)", (unsigned long long)r->limited);
        audit_event("limit", "table=\"registry addresses\" times=%llu cause=\"%s\"", (unsigned long long)r->limited,
                    cause_word(CAUSE_REGISTRY_ADDRESS_UNANSWERED));
    }
    errno = ENOSPC;
    return -1;
}

static int learn(struct registry *r, const struct firewall_range *range, unsigned room)
{
    static struct firewall_range parts[REGISTRY_MAX + 1];
    unsigned count = missing(r, range, parts);
    if (count > 0 && r->count + count > room)
        return limit(r);
    if (count > 0 && r->tell(parts, count) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++)
        insert(r, &parts[i]);
    /* Not in the file is as bad as not in the kernel: a gate that is started again would not know it. */
    return count > 0 || r->unsaved ? save(r) : 0;
}

/* Into the list only: the kernel is told once, of all of it. */
static int add(struct registry *r, const struct firewall_range *range)
{
    static struct firewall_range parts[REGISTRY_MAX + 1];
    unsigned count = missing(r, range, parts);
    if (r->count + count > REGISTRY_MAX) {
        errno = ENOSPC;
        return -1;
    }
    for (unsigned i = 0; i < count; i++)
        insert(r, &parts[i]);
    return 0;
}

/* What an earlier gate wrote; a line that is none is an error. It writes nothing: the file has all of it meanwhile. */
static int load(struct registry *r, char *kept)
{
    for (char *rest, *line = strtok_r(kept, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct firewall_range range = {.service = r->service};
        char *blank = strchr(line, ' ');
        if (blank)
            *blank = '\0';
        if (!blank || !conf_parse_addr(line, &range.first) || !conf_parse_addr(blank + 1, &range.last) ||
            range.first.family != range.last.family || compare(&range.first, &range.last) > 0) {
            errno = EBADMSG;
            return -1;
        }
        if (add(r, &range) < 0)
            return -1;
    }
    return 0;
}

static int begin(struct registry *r, const struct prefix *fixed, unsigned count)
{
    static char kept[FILE_OCTETS], was[FILE_OCTETS];
    char path[160];
    file_path(r, path, sizeof path);
    kept[0] = '\0';
    if (state_file_read(path, UID_GATE, kept, sizeof kept) < 0 && errno != ENOENT)
        return -1;
    memcpy(was, kept, sizeof was);
    if (load(r, kept) < 0)
        return -1;
    /* Behind what the file has, so that its ranges are the same as before (the kernel may have them still). */
    for (unsigned i = 0; i < count; i++) {
        struct firewall_range range = range_of(r, &fixed[i]);
        if (add(r, &range) < 0)
            return -1;
    }
    if (r->tell(r->list, r->count) < 0)
        return -1;
    write_list(r);
    return strcmp(was, text) == 0 ? 0 : save(r);
}

int registry_init(struct registry *r)
{
    struct prefix fixed[CONF_PREFIXES_MAX];
    unsigned count = 0;
    r->service = 0;
    r->count = 0;
    memset(&r->uplink, 0, sizeof r->uplink);
    for (unsigned i = 0; i < r->conf->service_count; i++)
        if (conf_carries_all(&r->conf->services[i])) {
            r->service = r->conf->services[i].number;
            count = conf_registry(&r->conf->services[i], fixed);
        }
    return r->service ? begin(r, fixed, count) : 0;
}

/* ---- what may be in it ---- */

void registry_uplink(struct registry *r, const struct state_watch_wan *uplink)
{
    if (uplink->address.family) /* while it is down it has none */
        r->uplink = *uplink;
}

static void add_own(struct registry *own, const struct prefix *p)
{
    struct firewall_range range = range_of(own, p);
    if (p->addr.family)
        (void)add(own, &range); /* there are few: they have room */
}

static void add_own_address(struct registry *own, const struct addr *a)
{
    struct prefix p = single(a);
    add_own(own, &p);
}

/* A server that the site file names by its address. (One that it names by name is not known here.) */
static void add_own_server(struct registry *own, const char *host)
{
    struct addr a;
    if (conf_parse_addr(host, &a))
        add_own_address(own, &a);
}

/* What the box itself needs, in order. hub: that of a tunnel that comes up; may be NULL. */
static const struct registry *own_ranges(const struct registry *r, const struct addr *hub)
{
    static struct registry own;
    const struct conf_site *site = &r->conf->site;
    const struct state_watch_wan *up = &r->uplink;
    struct addr hubs[BOX_HUBS_MAX];
    unsigned hub_count = box_hubs(r->conf, r->session, hubs);
    own.count = 0;
    add_own(&own, &site->lan_address);
    add_own(&own, &up->network);
    add_own_address(&own, &up->address);
    add_own_address(&own, &up->gateway);
    for (unsigned i = 0; i < up->dns_count; i++)
        add_own_address(&own, &up->dns[i]);
    for (unsigned i = 0; i < up->ntp_count; i++)
        add_own_address(&own, &up->ntp[i]);
    add_own_server(&own, site->est_host);
    for (unsigned i = 0; i < site->ntp_count; i++)
        add_own_server(&own, site->ntp[i]);
    for (unsigned i = 0; i < hub_count; i++)
        add_own_address(&own, &hubs[i]);
    if (hub)
        add_own_address(&own, hub);
    return &own;
}

/* What comes before the box itself has an address, or has ever seen its hub's, may be just that one. */
static bool knows_itself(const struct registry *r)
{
    return r->uplink.address.family && box_hubs_known(r->conf, r->session, r->service);
}

/* Is any part of it what the box needs itself? */
static bool is_own(const struct registry *r, const struct prefix *p, const struct addr *hub)
{
    static struct firewall_range parts[REGISTRY_MAX + 1];
    struct firewall_range all = range_of(r, p);
    return missing(own_ranges(r, hub), &all, parts) != 1 || compare(&parts[0].first, &all.first) != 0 ||
           compare(&parts[0].last, &all.last) != 0;
}

bool registry_may(const struct registry *r, const struct prefix *p)
{
    return knows_itself(r) && !is_own(r, p, NULL);
}

int registry_learn(struct registry *r, const struct prefix *p)
{
    struct firewall_range range = range_of(r, p);
    return learn(r, &range, REGISTRY_MAX - REGISTRY_RESERVED);
}

/* All of it but what the box needs itself. */
static int learn_inner(struct registry *r, const struct prefix *p, const struct addr *hub, unsigned room)
{
    static struct firewall_range parts[REGISTRY_MAX + 1];
    struct firewall_range all = range_of(r, p);
    unsigned widest = p->addr.family == AF_INET ? 8 : 16; /* as in a service file */
    if (!p->addr.family || p->len < widest || addr_kind(&p->addr) == ADDR_NO_HOST)
        return 0;
    unsigned count = missing(own_ranges(r, hub), &all, parts);
    for (unsigned i = 0; i < count; i++)
        if (learn(r, &parts[i], room) < 0)
            return -1;
    return 0;
}

/* What a hub lends ends no tunnel for want of room: it may lend another address each time, and none is forgotten. */
static int learn_lent(struct registry *r, const struct prefix *vip, const struct addr *hub)
{
    uint64_t limited = r->limited;
    int result = learn_inner(r, vip, hub, REGISTRY_LENT_MAX);
    return r->limited == limited ? result : 0; /* (the event `limit` has said it) */
}

enum cause_code registry_tunnel(void *registry, uint8_t service, const struct ike_sa *sa)
{
    struct registry *r = registry;
    const struct prefix vips[] = {single(&sa->vip4), single(&sa->vip6)};
    int result = 0;
    for (unsigned i = 0; i < 2; i++)
        if (vips[i].addr.family && is_own(r, &vips[i], &sa->hub))
            return CAUSE_HUB_GAVE_WRONG_ADDRESS;
    if (!r->service || service != r->service)
        return CAUSE_NONE;
    for (unsigned i = 0; i < 2 && result == 0; i++)
        result = learn_lent(r, &vips[i], &sa->hub);
    for (unsigned i = 0; i < sa->remote_count && result == 0; i++)
        result = learn_inner(r, &sa->remote[i], &sa->hub, REGISTRY_CARRIED_MAX);
    if (result < 0)
        log_error("what the hub has lent, or carries, cannot be kept as the registry's: %s", strerror(errno));
    return result < 0 ? CAUSE_HUB_NETWORKS_UNGUARDED : CAUSE_NONE;
}

bool registry_may_open(void *registry, const struct addr *a)
{
    struct prefix p = single(a);
    return registry_may(registry, &p);
}

int registry_learn_open(void *registry, const struct addr *a)
{
    struct prefix p = single(a);
    return registry_learn(registry, &p);
}

bool registry_knows(void *registry, const struct addr *a)
{
    const struct registry *r = registry;
    for (unsigned i = 0; i < r->count; i++)
        if (r->list[i].first.family == a->family && compare(&r->list[i].first, a) <= 0 &&
            compare(a, &r->list[i].last) <= 0)
            return true;
    return false;
}
