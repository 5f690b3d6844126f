/* What `dns` and `sni` say, and what gate makes of it. Both read what strangers write: neither is simply believed. */
#include "gate.h"
#include "audit.h"
#include "clock.h"
#include "firewall.h"
#include "log.h"
#include "queue.h"
#include "reset.h"
#include "hang_guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- names: opening addresses ---- */

static unsigned remote_of(void *user, uint8_t service, const struct prefix **out)
{
    return charon_remote(&((struct gate *)user)->charon, service, out);
}

static struct admit_now this_moment(struct gate *g)
{
    struct msg_mode mode;
    session_mode(&g->session, &mode);
    return (struct admit_now){mode.generation, mode.services_up, clock_monotonic_ms(), remote_of, g};
}

static void answer_admit(struct gate *g, const struct msg_admit *m, enum msg_verdict verdict)
{
    struct msg_admitted reply = {m->seq, (uint8_t)verdict};
    uint64_t until_ms = clock_monotonic_ms() + m->timeout_s * UINT64_C(1000);
    for (unsigned i = 0; verdict == ADMIT_OK && i < m->count; i++)
        refusals_learn(&g->refusals, &m->addrs[i], m->name, admit_rule(&g->admit, m->id), until_ms);
    dns_link_send(&g->dns, MSG_ADMITTED, &reply, -1);
}

static void open_one(struct gate *g, const struct admit_now *now, const struct msg_admit *m)
{
    enum msg_verdict verdict = admit_open(&g->admit, now, m, firewall_allow);
    if (verdict == ADMIT_KERNEL)
        log_error("the kernel did not take an address: %s", strerror(errno));
    answer_admit(g, m, verdict);
}

/*
 * Open list[0..answers), the elements of those messages that `good` has a 1 for. If the kernel does not take them
 * together, each is tried alone, so that one cannot spoil the others.
 */
static void open_together(struct gate *g, const struct admit_now *now, const struct msg_admit *m, unsigned answers,
                          const struct firewall_allow *list, const unsigned *counts)
{
    unsigned total = 0;
    for (unsigned i = 0; i < answers; i++)
        total += counts[i];
    bool taken = firewall_allow(list, total) == 0;
    for (unsigned i = 0; i < answers; i++) {
        if (taken) {
            admit_done(&g->admit, now, &m[i], list, counts[i]);
            answer_admit(g, &m[i], ADMIT_OK);
        } else {
            open_one(g, now, &m[i]);
        }
        list += counts[i];
    }
}

/* All answers that have come since the last time: as few transactions as hold them. */
static void open_waiting(struct gate *g)
{
    static struct firewall_allow list[FIREWALL_BATCH_MAX];
    static struct msg_admit good[GATE_ADMITS_MAX];
    unsigned counts[GATE_ADMITS_MAX], answers = 0, elements = 0;
    if (g->admit_count == 0)
        return;
    struct admit_now now = this_moment(g);
    for (unsigned i = 0; i < g->admit_count; i++) {
        const struct msg_admit *m = &g->admits[i];
        if (elements + FIREWALL_ALLOW_MAX > FIREWALL_BATCH_MAX) {
            open_together(g, &now, good, answers, list, counts);
            answers = elements = 0;
        }
        enum msg_verdict verdict = admit_prepare(&g->admit, &now, m, list + elements, &counts[answers]);
        if (verdict != ADMIT_OK) {
            answer_admit(g, m, verdict);
            continue;
        }
        elements += counts[answers];
        good[answers++] = *m;
    }
    if (answers > 0)
        open_together(g, &now, good, answers, list, counts);
    g->admit_count = 0;
}

static void on_admit(struct gate *g, const struct msg_admit *m)
{
    g->admits[g->admit_count++] = *m;
    if (g->admit_count == GATE_ADMITS_MAX)
        open_waiting(g);
}

static void on_idle(void *user)
{
    open_waiting(user);
}

/* ---- names: the rest ---- */

static void on_want(struct gate *g, const struct msg_want *m)
{
    uint8_t service;
    if (admit_name(&g->admit, m->id, &service))
        session_want(&g->session, service, &m->client);
}

/* Mostly a site's own server that nobody has told the box of: which line is missing. */
static void note_private_answer(struct gate *g, const struct msg_refused *m)
{
    char name[CONF_FQDN_MAX], answer[INET6_ADDRSTRLEN];
    const char *domain = refusals_word(m->name, name, sizeof name), *rest = strchr(domain, '.');
    if (rest && !conf_domain_too_wide(rest + 1)) /* (`or.jp` is not the hospital's) */
        domain = rest + 1;
    cause_set(&g->refused, CAUSE_ANSWER_PRIVATE, name, addr_text(&m->answer, answer, sizeof answer), domain, NULL);
    g->refused_at = clock_monotonic_ms();
}

/* In a network of the service file that the hub of the name's tunnel, which is up, has left out. */
static bool hub_leaves_out(const struct gate *g, const char *name, const struct addr *a)
{
    const struct prefix *left[CONF_PREFIXES_MAX];
    uint8_t service = admit_service_of(&g->admit, name);
    unsigned count = service ? charon_left_out(&g->charon, service, left) : 0;
    for (unsigned i = 0; i < count; i++)
        if (prefix_contains(left[i], a))
            return true;
    return false;
}

/* An answer that lies, or that the service file does not cover, is something for IT: it is shown for some minutes. */
static void note_wrong_answer(struct gate *g, const struct msg_refused *m)
{
    char name[CONF_FQDN_MAX], answer[INET6_ADDRSTRLEN];
    if (m->why == WHY_PRIVATE) {
        note_private_answer(g, m);
        return;
    }
    enum cause_code what = m->why == WHY_OUTSIDE && hub_leaves_out(g, m->name, &m->answer) ? CAUSE_ANSWER_NOT_CARRIED
                           : m->why == WHY_OUTSIDE                                         ? CAUSE_ANSWER_OUTSIDE
                           : m->why == WHY_FORBIDDEN                                       ? CAUSE_ANSWER_FORBIDDEN
                           : m->why == WHY_CHAIN                                           ? CAUSE_ANSWER_ALIAS
                                                                                           : CAUSE_NONE;
    if (what == CAUSE_NONE)
        return;
    answer[0] = '\0';
    if (m->answer.family)
        (void)addr_text(&m->answer, answer, sizeof answer);
    cause_set(&g->refused, what, refusals_word(m->name, name, sizeof name), answer, NULL);
    g->refused_at = clock_monotonic_ms();
}

static void on_names(void *user, const struct msg *m)
{
    struct gate *g = user;
    switch (m->head.type) {
    case MSG_ADMIT: on_admit(g, &m->u.admit); return;
    case MSG_WANT:
        open_waiting(g); /* in the order of their coming: a wish may change the session */
        on_want(g, &m->u.want);
        break;
    case MSG_REFUSED:
        refusals_dns(&g->refusals, &m->u.refused, clock_monotonic_ms());
        note_wrong_answer(g, &m->u.refused);
        g->dirty = true;
        break;
    default: break; /* dns_link.c lets no other through */
    }
}

static void audit_lost(enum cause_code what, enum cause_code why)
{
    char line[CAUSE_LINE_MAX];
    struct cause lost;
    cause_because(&lost, what, CAUSE_OF(why), NULL);
    audit_event("fault", "%s", cause_line(&lost, line));
}

static void names_dead(void *user, enum cause_code why)
{
    struct gate *g = user;
    if (firewall_closed() < 0)
        log_error("the kernel could not be closed: %s", strerror(errno));
    if (g->session.state == SESSION_UP)
        audit_event("session.end", "reason=\"%s\"", cause_word(CAUSE_DNS_GONE));
    audit_lost(CAUSE_DNS_FRONT_LOST, why);
    g->configured = false;
    cause_set(&g->fault, CAUSE_NAMES_GONE, NULL);
    state_write(g);
    log_fatal("dns: %s", cause_word(why));
}

const struct dns_link_ops peers_dns = {on_names, names_dead, on_idle};

/* Message `id` of the list of names; false: there is none. */
static bool name_message(struct gate *g, unsigned id, struct msg_name *m)
{
    *m = (struct msg_name){.id = (uint16_t)id};
    const char *name = admit_name(&g->admit, id, &m->service);
    if (!name)
        return false;
    m->ech_noise = g->conf.services[g->admit.names[id].service].rules[g->admit.names[id].rule].ech_noise;
    snprintf(m->name, sizeof m->name, "%s", name);
    return true;
}

void peers_send_allowlist(struct gate *g)
{
    struct msg_name m;
    for (unsigned id = 0; name_message(g, id, &m); id++)
        dns_link_send(&g->dns, MSG_NAME, &m, -1);
}

void peers_send_hosts(struct gate *g)
{
    const struct conf *conf = &g->conf;
    struct msg_host others = {0};
    for (unsigned i = 0; i < conf->service_count; i++)
        if (conf_others_may(&conf->site, conf->services[i].name))
            others.services |= (uint8_t)(1u << (conf->services[i].number - 1));
    dns_link_send(&g->dns, MSG_HOST, &others, -1);
    for (unsigned h = 0; h < conf->site.host_count; h++) {
        struct msg_host m = {.addr = conf->site.hosts[h].addr};
        for (unsigned i = 0; i < conf->service_count; i++)
            if (strcmp(conf->services[i].name, conf->site.hosts[h].service) == 0)
                m.services = (uint8_t)(1u << (conf->services[i].number - 1));
        dns_link_send(&g->dns, MSG_HOST, &m, -1);
    }
}

static void send_never(struct gate *g, const struct prefix *net, bool line)
{
    struct msg_never m = {*net, line};
    dns_link_send(&g->dns, MSG_NEVER, &m, -1);
}

void peers_send_private(struct gate *g)
{
    const struct conf *conf = &g->conf;
    for (unsigned i = 0; i < conf->site.private_count; i++) {
        struct msg_private m = {0};
        snprintf(m.domain, sizeof m.domain, "%s", conf->site.private_answers[i]);
        dns_link_send(&g->dns, MSG_PRIVATE, &m, -1);
    }
    send_never(g, &conf->site.lan_address, false);
    for (unsigned i = 0; i < conf->service_count; i++)
        for (unsigned n = 0; n < conf->services[i].remote_count; n++)
            send_never(g, &conf->services[i].remote[n], false);
}

void peers_send_line(struct gate *g)
{
    struct prefix own = {g->wan.address, g->wan.address.family == AF_INET6 ? 128 : 32};
    send_never(g, &own, true);
}

/* ---- sni ---- */

static void on_sni_here(void *user)
{
    struct gate *g = user;
    struct msg_mode mode;
    struct msg_name m;
    for (unsigned id = 0; name_message(g, id, &m); id++)
        sni_link_send(&g->sni, MSG_NAME, &m, -1);
    sni_link_send(&g->sni, MSG_NAMES_END, NULL, -1);
    session_mode(&g->session, &mode);
    sni_link_send(&g->sni, MSG_MODE, &mode, -1);
}

static void let_tls_begin(struct gate *g, bool yes)
{
    struct msg_mode mode;
    session_mode(&g->session, &mode);
    if (firewall_asking(yes ? mode.generation : 0) < 0)
        log_error("the kernel does not take whether TLS flows may begin: %s", strerror(errno));
    g->dirty = true;
}

static void on_sni_ready(void *user)
{
    log_info("sni is here");
    let_tls_begin(user, true);
}

static void on_sni_gone(void *user, enum cause_code why, bool hangs)
{
    struct gate *g = user;
    log_warn("sni: %s; new TLS connections wait until it is back", cause_word(why));
    g->sni_gone_at = clock_monotonic_ms();
    audit_lost(CAUSE_TLS_CHECK_LOST, why);
    let_tls_begin(g, false);
    if (hangs && !hang_guard_tell(g->paths.run, "end sni"))
        log_error("the hang guard cannot be told to end sni: %s", strerror(errno));
}

static void verdict_for_all(struct queue_batch *b, enum queue_verdict verdict, const struct msg_flow *m, unsigned from)
{
    for (unsigned i = from; i < m->count; i++)
        queue_add(b, verdict, m->packets[i], NULL, 0);
}

/* From now on the rules reset what comes of it. False: the kernel does not know the flow (any more). */
static bool mark_refused(const struct msg_flow *m)
{
    struct firewall_flow flow = {m->client, m->server, m->client_port, m->server_port};
    if (firewall_refuse(&flow) == 0)
        return true;
    if (errno != ENOENT)
        log_warn("a refused flow could not be marked: %s", strerror(errno));
    return false;
}

/*
 * Both ends are reset: the server by a reset in place of the flow's first held packet; the client by the rule set, which
 * sees the held packets that are left, or the client's next one, again with the mark of refused flows. The addresses are
 * what `sni` says: of a flow that the kernel does not know nothing is made, or they could be anybody's.
 */
static void refuse(struct gate *g, struct queue_batch *b, const struct msg_flow *m)
{
    uint8_t packet[RESET_MAX];
    struct reset reset = {m->client, m->server, m->client_port, m->server_port, m->seq, m->ack};
    if (mark_refused(m)) {
        size_t len = reset_build(packet, &reset);
        if (m->count > 0)
            queue_add(b, QUEUE_REPLACE, m->packets[0], packet, len);
        verdict_for_all(b, QUEUE_REPEAT, m, 1);
    } else {
        verdict_for_all(b, QUEUE_DROP, m, 0);
    }
    refusals_tls(&g->refusals, m, clock_monotonic_ms());
    g->dirty = true;
}

static void on_flow(struct gate *g, const struct msg_flow *m)
{
    static struct queue_batch b;
    struct admit_now now = this_moment(g);
    queue_begin(&b, g->sni.packets);
    if (m->what == FLOW_EARLY) {
        verdict_for_all(&b, QUEUE_ACCEPT, m, 0);
    } else if (m->what == FLOW_DROP) {
        verdict_for_all(&b, QUEUE_DROP, m, 0);
    } else if (m->what == FLOW_ANSWER) {
        verdict_for_all(&b, QUEUE_ANSWER, m, 0);
    } else if (m->what == FLOW_AFTER) {
        verdict_for_all(&b, QUEUE_REPEAT, m, 0);
    } else if (m->what == FLOW_MORE) {
        /* (If it could not be marked, the rules would ask again, for ever.) */
        verdict_for_all(&b, mark_refused(m) ? QUEUE_REPEAT : QUEUE_DROP, m, 0);
    } else if (m->what == FLOW_NAME && admit_agrees(&g->admit, &now, m->service, &m->server, m->server_port, m->name)) {
        verdict_for_all(&b, QUEUE_AGREE, m, 0);
        g->agreed++;
    } else {
        refuse(g, &b, m);
    }
    if (queue_send(&b) < 0)
        log_warn("a verdict could not be given: %s", strerror(errno));
}

static void on_blocked(struct gate *g, const struct msg_blocked *m)
{
    struct msg_blocked told = *m;
    /* Who has a registry's address from elsewhere than the DNS waits in vain: that is said. */
    if (strcmp(m->reason, "waiting") == 0 && !stale_dns_wanted(g, m)) {
        snprintf(told.reason, sizeof told.reason, "unasked");
        if (m->client.family)
            addr_text(&m->client, g->unasked, sizeof g->unasked);
        g->unasked_at = clock_monotonic_ms();
        g->dirty = true;
    }
    refusals_packet(&g->refusals, &told, clock_monotonic_ms());
}

static void on_sni(void *user, const struct msg *m)
{
    struct gate *g = user;
    switch (m->head.type) {
    case MSG_FLOW: on_flow(g, &m->u.flow); break;
    case MSG_BLOCKED: on_blocked(g, &m->u.blocked); break;
    default: break; /* sni_link.c lets no other through */
    }
}

const struct sni_link_ops peers_sni = {on_sni_here, on_sni_ready, on_sni, on_sni_gone};
