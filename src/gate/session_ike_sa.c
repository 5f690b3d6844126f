/* The quality of a tunnel's CHILD_SA: PFS, and whether it carries traffic. */
#include "session.h"
#include "log.h"

#include <stdio.h>

void session_new_keys(struct session *s, uint8_t number, bool fresh)
{
    struct session_service *v = &s->services[number];
    if (!v->known || v->keys_refused == !fresh)
        return;
    char details[128];
    v->keys_refused = !fresh;
    snprintf(details, sizeof details, "service=%s pfs=%s", v->name, fresh ? "yes" : "no");
    s->ops->audit(s->user, "session.keys", details);
    s->ops->changed(s->user);
}

/* Handled like a tunnel closed by its hub: the IKE_SA is terminated, and the next attempt starts with IKE_SA_INIT. */
static void raise_anew(struct session *s, uint8_t number, unsigned long long sent)
{
    struct session_service *v = &s->services[number];
    char details[128];
    v->blackhole_at = s->ops->now(s->user);
    snprintf(details, sizeof details, "service=%s sent=%llu received=0", v->name, sent);
    s->ops->audit(s->user, "session.hollow", details);
    v->wanted = true;
    session_tunnel_down(s, number, CAUSE_OF(CAUSE_HUB_GIVES_NOTHING));
}

void session_carried(struct session *s, uint8_t number, const struct blackhole_counts *seen)
{
    struct session_service *v = &s->services[number];
    if (s->state != SESSION_UP || !v->up || v->ending)
        return;
    uint64_t before = v->blackhole.last.out, now = s->ops->now(s->user);
    switch (blackhole_check(&v->blackhole, seen)) {
    case BLACKHOLE_NO: break;
    case BLACKHOLE_PROBE:
        if (s->ops->probe(s->user, number))
            blackhole_probed(&v->blackhole);
        break;
    case BLACKHOLE_YES:
        if (!v->blackhole_at || now - v->blackhole_at >= SESSION_BLACKHOLE_MS)
            raise_anew(s, number, seen->out - before);
        break;
    }
}

void session_tick_tunnels(struct session *s)
{
    uint64_t now = s->ops->now(s->user);
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        if (!s->services[n].blackhole_at || now - s->services[n].blackhole_at < SESSION_BLACKHOLE_SHOWN_MS)
            continue;
        s->services[n].blackhole_at = 0;
        s->ops->changed(s->user);
    }
}
