#include "sni_verdicts.h"
#include "admit_moment.h"
#include "audit.h"
#include "clock.h"
#include "firewall_mode.h"
#include "hang_guard.h"
#include "link_config.h"
#include "log.h"
#include "queue.h"
#include "reset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- connect and disconnect ---- */

static void on_here(void *user)
{
    struct sni_verdicts *v = user;
    struct msg_mode mode;
    link_config_sni(v->sni, v->admit);
    session_mode(v->session, &mode);
    sni_link_send(v->sni, MSG_MODE, &mode, -1);
}

static void on_ready(void *user)
{
    struct sni_verdicts *v = user;
    struct msg_mode mode;
    log_info("sni is here");
    session_mode(v->session, &mode);
    firewall_mode_tls(mode.generation);
    *v->changed = true;
}

static void on_gone(void *user, enum cause_code why, bool hangs)
{
    struct sni_verdicts *v = user;
    log_warn("sni: %s; new TLS connections wait until it is back", cause_word(why));
    v->gone_at = clock_monotonic_ms();
    audit_fault(CAUSE_TLS_CHECK_LOST, why);
    firewall_mode_tls(0);
    *v->changed = true;
    if (hangs && !hang_guard_tell(v->run, "end sni"))
        log_error("the hang guard cannot be told to end sni: %s", strerror(errno));
}

/* ---- flows ---- */

static void verdict_for_all(struct queue_batch *b, enum queue_verdict verdict, const struct msg_flow *m, unsigned from)
{
    for (unsigned i = from; i < m->count; i++)
        queue_add(b, verdict, m->packets[i], NULL, 0);
}

/* Make the rules reset the flow's further packets. False: the kernel does not know the flow (any more). */
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
 * Reset both peers: the server by a reset that replaces the flow's first held packet; the client by the rules, which
 * see the remaining held packets, or the client's next one, again with the mark of refused flows. The addresses come
 * from `sni`: for a flow unknown to the kernel nothing is sent, as they could be anybody's.
 */
static void refuse(struct sni_verdicts *v, struct queue_batch *b, const struct msg_flow *m)
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
    refusals_tls(v->refusals, m, clock_monotonic_ms());
    *v->changed = true;
}

/* Was this name admitted for the server's address, on the way that the flow goes? */
static bool agrees(const struct sni_verdicts *v, const struct msg_flow *m)
{
    struct admit_now now = admit_moment(v->session, v->charon);
    if (m->service == MSG_ON_LINE)
        return admit_agrees_on_line(v->admit, &now, &m->client, &m->server, m->server_port, m->name);
    return admit_agrees(v->admit, &now, m->service, &m->server, m->server_port, m->name);
}

static void on_flow(struct sni_verdicts *v, const struct msg_flow *m)
{
    static struct queue_batch b;
    queue_begin(&b, v->sni->packets);
    if (m->what == FLOW_EARLY) {
        verdict_for_all(&b, QUEUE_ACCEPT, m, 0);
    } else if (m->what == FLOW_DROP) {
        verdict_for_all(&b, QUEUE_DROP, m, 0);
    } else if (m->what == FLOW_ANSWER) {
        verdict_for_all(&b, QUEUE_ANSWER, m, 0);
    } else if (m->what == FLOW_AFTER) {
        verdict_for_all(&b, QUEUE_REPEAT, m, 0);
    } else if (m->what == FLOW_MORE) {
        /* (If it could not be marked, the rules would queue it again, in an endless loop.) */
        verdict_for_all(&b, mark_refused(m) ? QUEUE_REPEAT : QUEUE_DROP, m, 0);
    } else if (m->what == FLOW_NAME && agrees(v, m)) {
        verdict_for_all(&b, QUEUE_AGREE, m, 0);
        v->agreed++;
    } else {
        refuse(v, &b, m);
    }
    if (queue_send(&b) < 0)
        log_warn("a verdict could not be given: %s", strerror(errno));
}

static void on_blocked(struct sni_verdicts *v, const struct msg_blocked *m)
{
    struct msg_blocked told = *m;
    /* A PC that has a registry's address from another source than DNS waits in vain: report that. */
    if (strcmp(m->reason, "waiting") == 0 && !stale_dns_wanted(v->stale_dns, m)) {
        snprintf(told.reason, sizeof told.reason, "unasked");
        if (m->client.family)
            addr_text(&m->client, v->unasked, sizeof v->unasked);
        v->unasked_at = clock_monotonic_ms();
        *v->changed = true;
    }
    if (strcmp(m->reason, "pc-begins") == 0)
        pc_tunnels_wanted(v->pc_tunnels, m);
    refusals_packet(v->refusals, &told, clock_monotonic_ms());
}

static void on_message(void *user, const struct msg *m)
{
    struct sni_verdicts *v = user;
    switch (m->head.type) {
    case MSG_FLOW: on_flow(v, &m->u.flow); break;
    case MSG_BLOCKED: on_blocked(v, &m->u.blocked); break;
    default: break; /* sni_link.c passes no others */
    }
}

const struct sni_link_ops sni_verdicts_ops = {on_here, on_ready, on_message, on_gone};

void sni_verdicts_init(struct sni_verdicts *v)
{
    v->gone_at = clock_monotonic_ms();
}

bool sni_verdicts_away(const struct sni_verdicts *v, uint64_t now_ms)
{
    return !sni_link_is_there(v->sni) && now_ms - v->gone_at >= SNI_VERDICTS_AWAY_MS;
}

void sni_verdicts_tick(struct sni_verdicts *v, uint64_t now_ms)
{
    if (v->unasked[0] && now_ms - v->unasked_at >= SNI_VERDICTS_SHOWN_MS) {
        v->unasked[0] = 0;
        *v->changed = true;
    }
    bool away = sni_verdicts_away(v, now_ms);
    if (away && !v->away_told)
        *v->changed = true;
    v->away_told = away;
}
