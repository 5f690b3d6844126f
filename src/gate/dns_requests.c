#include "dns_requests.h"
#include "clock.h"

#include <stdio.h>
#include <string.h>

static void on_opened(void *user, const struct msg_admit *m, enum msg_verdict verdict)
{
    struct dns_requests *d = user;
    struct msg_admitted reply = {m->seq, (uint8_t)verdict};
    uint64_t until_ms = clock_monotonic_ms() + m->timeout_s * UINT64_C(1000);
    for (unsigned i = 0; verdict == ADMIT_OK && i < m->count; i++)
        refusals_learn(d->refusals, &m->addrs[i], m->name, admit_rule(d->admit, m->id), until_ms);
    dns_link_send(d->dns, MSG_ADMITTED, &reply, -1);
}

static void on_want(struct dns_requests *d, const struct msg_want *m)
{
    uint8_t service;
    /* (No session is begun for a name on the line.) */
    if (admit_name(d->admit, m->id, &service) && !admit_rule(d->admit, m->id)->via_line)
        session_want(d->session, service, &m->client);
}

/* Usually a site's own server that the site file does not have: report the missing line. */
static void note_private_answer(struct dns_requests *d, const struct msg_refused *m)
{
    char name[CONF_FQDN_MAX], answer[INET6_ADDRSTRLEN];
    const char *domain = refusals_word(m->name, name, sizeof name), *rest = strchr(domain, '.');
    if (rest && !conf_domain_too_wide(rest + 1)) /* (`or.jp` is not the hospital's) */
        domain = rest + 1;
    cause_set(&d->refused, CAUSE_ANSWER_PRIVATE, name, addr_text(&m->answer, answer, sizeof answer), domain, NULL);
    d->refused_at = clock_monotonic_ms();
}

/* Is it in a network of the service file that the hub has not accepted for the tunnel, which is up? */
static bool hub_leaves_out(const struct dns_requests *d, const char *name, const struct addr *a)
{
    const struct prefix *left[CONF_PREFIXES_MAX];
    uint8_t service = admit_service_of(d->admit, name);
    if (service && service == d->registry->service && d->charon->services[service].sa.child)
        return true; /* there it can only be the hub's narrowing */
    unsigned count = service ? charon_left_out(d->charon, service, left) : 0;
    for (unsigned i = 0; i < count; i++)
        if (prefix_contains(left[i], a))
            return true;
    return false;
}

/* Is this name a hub of PCs' own tunnels? */
static bool of_pc(const struct dns_requests *d, const char *name)
{
    int id = allowlist_find(&d->admit->listed, name);
    return id >= 0 && admit_service(d->admit, (unsigned)id)->by_pc;
}

/* A wrong answer, or one that the service file does not cover, concerns the IT staff: it is shown for some minutes. */
static void note_wrong_answer(struct dns_requests *d, const struct msg_refused *m)
{
    char name[CONF_FQDN_MAX], answer[INET6_ADDRSTRLEN];
    if (m->why == WHY_PRIVATE) {
        note_private_answer(d, m);
        return;
    }
    enum cause_code what = m->why == WHY_OUTSIDE && hub_leaves_out(d, m->name, &m->answer) ? CAUSE_ANSWER_NOT_CARRIED
                           : m->why == WHY_OUTSIDE                                         ? CAUSE_ANSWER_OUTSIDE
                           : m->why == WHY_FORBIDDEN && of_pc(d, m->name)                  ? CAUSE_ANSWER_NO_HUB
                           : m->why == WHY_FORBIDDEN                                       ? CAUSE_ANSWER_FORBIDDEN
                           : m->why == WHY_REGISTRY                                        ? CAUSE_ANSWER_REGISTRY
                           : m->why == WHY_CHAIN                                           ? CAUSE_ANSWER_ALIAS
                                                                                           : CAUSE_NONE;
    if (what == CAUSE_NONE)
        return;
    answer[0] = '\0';
    if (m->answer.family)
        (void)addr_text(&m->answer, answer, sizeof answer);
    cause_set(&d->refused, what, refusals_word(m->name, name, sizeof name), answer, NULL);
    d->refused_at = clock_monotonic_ms();
}

static void on_message(void *user, const struct msg *m)
{
    struct dns_requests *d = user;
    switch (m->head.type) {
    case MSG_ADMIT: admit_batch_add(&d->batch, &m->u.admit); return;
    case MSG_WANT:
        admit_batch_open(&d->batch); /* keep the order: MSG_WANT may change the session */
        on_want(d, &m->u.want);
        break;
    case MSG_REFUSED:
        refusals_dns(d->refusals, &m->u.refused, clock_monotonic_ms());
        note_wrong_answer(d, &m->u.refused);
        *d->changed = true;
        break;
    default: break; /* dns_link.c passes no others */
    }
}

static void on_idle(void *user)
{
    admit_batch_open(&((struct dns_requests *)user)->batch);
}

static void on_dead(void *user, enum cause_code why)
{
    struct dns_requests *d = user;
    d->lost(d->user, why);
}

const struct dns_link_ops dns_requests_ops = {on_message, on_dead, on_idle};

void dns_requests_init(struct dns_requests *d)
{
    d->batch = (struct admit_batch){.admit = d->admit,
                                    .session = d->session,
                                    .charon = d->charon,
                                    .registry = d->registry,
                                    .done = on_opened,
                                    .user = d};
}

void dns_requests_tick(struct dns_requests *d, uint64_t now_ms)
{
    if (!d->refused.code || now_ms - d->refused_at < DNS_REQUESTS_SHOWN_MS)
        return;
    cause_set(&d->refused, CAUSE_NONE, NULL);
    *d->changed = true;
}
