/* What a tunnel's CHILD_SA is worth: where its keys come from, and whether it carries. */
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

/* Through the same end as a tunnel that its hub has closed: the IKE_SA goes, and the wish begins with IKE_SA_INIT. */
static void raise_anew(struct session *s, uint8_t number, unsigned long long sent)
{
    struct session_service *v = &s->services[number];
    char details[128];
    v->hollow_at = s->ops->now(s->user);
    snprintf(details, sizeof details, "service=%s sent=%llu received=0", v->name, sent);
    s->ops->audit(s->user, "session.hollow", details);
    v->wanted = true;
    session_tunnel_down(s, number, CAUSE_OF(CAUSE_HUB_GIVES_NOTHING));
}

void session_carried(struct session *s, uint8_t number, const struct hollow_seen *seen)
{
    struct session_service *v = &s->services[number];
    if (s->state != SESSION_UP || !v->up || v->ending)
        return;
    uint64_t before = v->hollow.at.out, now = s->ops->now(s->user);
    switch (hollow_look(&v->hollow, seen)) {
    case HOLLOW_FINE: break;
    case HOLLOW_ASK:
        if (s->ops->probe(s->user, number))
            hollow_asked(&v->hollow);
        break;
    case HOLLOW_IS:
        if (!v->hollow_at || now - v->hollow_at >= SESSION_HOLLOW_MS)
            raise_anew(s, number, seen->out - before);
        break;
    }
}

void session_tick_hollow(struct session *s, uint64_t now)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        if (!s->services[n].hollow_at || now - s->services[n].hollow_at < SESSION_HOLLOW_SAID_MS)
            continue;
        s->services[n].hollow_at = 0;
        s->ops->changed(s->user);
    }
}
