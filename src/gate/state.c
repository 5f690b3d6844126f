#include "state.h"
#include "clock.h"
#include "lib/state_file.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_configured(const struct view *v)
{
    return v->fault->code == CAUSE_NONE;
}

/* The word for readers: `starting` is published as idle. */
static const char *session_word(const struct view *v)
{
    if (!is_configured(v))
        return "fault";
    if (v->session->state == SESSION_STARTING)
        return "idle";
    return session_state_name(v->session->state);
}

static void add_addr(struct state_file *p, const char *key, const struct addr *a)
{
    char text[INET6_ADDRSTRLEN];
    if (a->family)
        state_file_add(p, key, "%s", addr_text(a, text, sizeof text));
}

static void add_tunnels(struct state_file *p, const struct session *s)
{
    bool up = false, by_pc = false;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        const struct session_service *v = &s->services[n];
        if (!v->up && !v->raising)
            continue;
        state_file_add(p, "service", "%s", v->name);
        if (!v->up)
            continue;
        up = up || !v->by_pc;
        by_pc = by_pc || v->by_pc;
        add_addr(p, "vip", v->tunnel.vip4.family ? &v->tunnel.vip4 : &v->tunnel.vip6);
        add_addr(p, "hub", &v->tunnel.hub);
    }
    state_file_add(p, "tunnel", "%s", up ? "up" : by_pc ? "pc" : "down");
}

/* Its tunnel is the PC's own, and its session is on. */
static bool on_the_pc(const struct session_service *v)
{
    return v->by_pc && v->up;
}

/* Does any service need the box's certificate? */
static bool needs_credentials(const struct session *s)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (s->services[n].known && !s->services[n].by_pc)
            return true;
    return false;
}

static bool keys_refused(const struct session_service *v)
{
    return v->keys_refused;
}

static bool was_blackhole(const struct session_service *v)
{
    return v->blackhole_at != 0;
}

/* The services for which this is true; no line if there are none. */
static void add_which(struct state_file *p, const struct session *s, const char *key,
                      bool (*is)(const struct session_service *v))
{
    char names[CONF_SERVICES_MAX * (CONF_NAME_MAX + 1) + 1] = "";
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (is(&s->services[n])) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "", s->services[n].name);
        }
    if (names[0])
        state_file_add(p, key, "%s", names);
}

/* The service files' networks that the hubs of the present tunnels do not carry: as many whole ones as fit. */
static void add_left_out(struct state_file *p, const struct view *v)
{
    char text[INET6_ADDRSTRLEN], list[400] = "", rest[16] = "";
    size_t used = 0;
    unsigned more = 0;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        const struct prefix *left[CONF_PREFIXES_MAX];
        unsigned count = charon_left_out(v->charon, n, left);
        for (unsigned i = 0; i < count; i++) {
            char word[INET6_ADDRSTRLEN + 8];
            int len = snprintf(word, sizeof word, "%s%s/%u", used ? " " : "",
                               addr_text(&left[i]->addr, text, sizeof text), left[i]->len);
            if (more || used + (size_t)len >= sizeof list) {
                more++;
                continue;
            }
            memcpy(list + used, word, (size_t)len + 1);
            used += (size_t)len;
        }
    }
    if (more)
        snprintf(rest, sizeof rest, " (+%u)", more);
    if (used)
        state_file_add(p, "not-carried", "%s%s", list, rest);
}

/* A restart takes a moment; only a longer absence is reported. */
static const char *sni_word(const struct view *v)
{
    if (sni_link_is_there(v->sni))
        return "running";
    return sni_verdicts_away(v->verdicts, clock_monotonic_ms()) ? "down" : "starting";
}

/* Sums, then what is not 0: names (`dns.`), TLS connections (`tls.`), packets (the reason alone). */
static void add_refusals(struct state_file *p, const struct view *v)
{
    static const char *const kinds[REASON_KINDS] = {[REASON_DNS] = "dns.", [REASON_TLS] = "tls."};
    char key[64];
    state_file_add(p, "blocked.dns", "%llu", (unsigned long long)v->refusals->dns);
    state_file_add(p, "blocked.tls", "%llu", (unsigned long long)v->refusals->tls);
    state_file_add(p, "blocked.forward", "%llu", (unsigned long long)v->stats->counters.blocked);
    for (unsigned i = 0; i < REFUSALS_REASONS && v->refusals->reasons[i].reason; i++) {
        const struct refusals_reason *r = &v->refusals->reasons[i];
        if (r->reason->kind == REASON_PACKET)
            continue; /* the ruleset counts all of them, `sni` sees only a part */
        snprintf(key, sizeof key, "blocked.%s%s", kinds[r->reason->kind], r->reason->word);
        state_file_add(p, key, "%llu", (unsigned long long)r->count);
    }
    for (unsigned i = 0; i < v->stats->counters.reason_count; i++) {
        const struct firewall_reason *r = &v->stats->counters.reasons[i];
        if (r->packets == 0)
            continue;
        snprintf(key, sizeof key, "blocked.%s", r->name);
        state_file_add(p, key, "%llu", (unsigned long long)r->packets);
    }
}

/* How many lines of the service files open a name on the line now; left out if none does. */
static void add_line_names(struct state_file *p, const struct view *v)
{
    unsigned count = 0;
    for (unsigned i = 0; i < v->conf->service_count; i++) {
        const struct conf_service *s = &v->conf->services[i];
        bool up = v->session->services[s->number].up, before = v->session->view.mode == MODE_BEFORE;
        for (unsigned r = 0; r < s->rule_count; r++)
            count += s->rules[r].via_line && (up || (before && s->rules[r].before));
    }
    if (count)
        state_file_add(p, "line-names", "%u", count);
}

static void add_crowd(struct state_file *p, const struct view *v)
{
    char host[INET6_ADDRSTRLEN];
    struct cause cause;
    const struct firewall_tracked *t = &v->stats->tracked;
    if (!v->stats->crowded)
        return;
    if (t->host.family)
        cause_set(&cause, CAUSE_CROWDED_BY, addr_text(&t->host, host, sizeof host), CAUSE_NUMBER(t->by_most),
                  CAUSE_NUMBER(FIREWALL_SHARE), CAUSE_NUMBER(t->entries), CAUSE_NUMBER(t->most), NULL);
    else
        cause_set(&cause, CAUSE_CROWDED, CAUSE_NUMBER(t->entries), CAUSE_NUMBER(t->most), NULL);
    state_file_cause(p, "crowded", &cause);
}

void state_write(const struct view *v)
{
    struct state_file p;
    char path[160];
    const struct session *s = v->session;
    bool configured = is_configured(v);
    state_file_begin(&p);
    state_file_add(&p, "mode", "%s", session_mode_word(configured ? s : NULL));
    state_file_add(&p, "session", "%s", session_word(v));
    if (configured) {
        const struct addr *resolver = resolvers_one(v->resolvers);
        uint64_t age_s = (clock_monotonic_ms() - s->state_since) / 1000;
        add_tunnels(&p, s);
        state_file_cause(&p, "reason", &s->reason);
        state_file_add(&p, "generation", "%u", s->view.generation);
        state_file_add(&p, "since", "%lld", (long long)time(NULL) - (long long)age_s);
        state_file_add(&p, "charon", "%s", s->charon ? "up" : "down");
        if (needs_credentials(s))
            state_file_add(&p, "credentials", "%s", s->credentials ? "yes" : "no");
        state_file_cause(&p, "last-end", &s->last_end);
        if (resolver)
            add_addr(&p, "resolver", resolver);
        add_which(&p, s, "pc-tunnel", on_the_pc);
        add_which(&p, s, "no-pfs", keys_refused);
        add_which(&p, s, "hollow", was_blackhole);
        add_left_out(&p, v);
        add_line_names(&p, v);
    } else {
        state_file_add(&p, "tunnel", "down");
    }
    add_refusals(&p, v);
    state_file_add(&p, "asked", "%llu", (unsigned long long)v->stats->counters.asked);
    state_file_add(&p, "agreed", "%llu", (unsigned long long)v->verdicts->agreed);
    state_file_add(&p, "admitted", "%llu", (unsigned long long)v->admit->admitted);
    state_file_add(&p, "limited", "%llu", (unsigned long long)v->admit->limited); /* number of times a table was full */
    state_file_add(&p, "names", "%s", configured ? "running" : "down");
    state_file_add(&p, "hello", "%s", sni_word(v));
    add_crowd(&p, v);
    state_file_cause(&p, "refused", &v->requests->refused);
    if (v->verdicts->unasked[0])
        state_file_add(&p, "unasked", "%s", v->verdicts->unasked);
    state_file_cause(&p, "cause", configured ? &s->fault : v->fault);
    snprintf(path, sizeof path, "%s/gate/state", v->run);
    if (state_file_commit(&p, path) < 0)
        log_error("cannot write %s: %s", path, strerror(errno));
}
