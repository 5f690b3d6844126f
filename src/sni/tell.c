#include "tell.h"

#include <string.h>

#define FLOWS_MORE_MAX 8 /* limit of FLOW_MORE, and of FLOW_AFTER, per flow */

static struct msg_flow message(const struct flow *fl, const struct flow_work *w, enum msg_flow_what what)
{
    return (struct msg_flow){.what = (uint8_t)what,
                             .service = fl->service,
                             .client = fl->client,
                             .server = fl->server,
                             .client_port = fl->client_port,
                             .server_port = fl->server_port,
                             .seq = fl->base + (w ? w->released : 0),
                             .ack = fl->ack};
}

void tell_one(struct flows *f, const struct flow *fl, enum msg_flow_what what, uint32_t id)
{
    struct msg_flow m = message(fl, NULL, what);
    m.count = 1;
    m.packets[0] = id;
    f->send(f->user, &m);
}

void tell_refused(struct flows *f, struct flow *fl, uint32_t id)
{
    tell_one(f, fl,
             fl->told == 0                ? (enum msg_flow_what)fl->what
             : fl->told <= FLOWS_MORE_MAX ? FLOW_MORE
                                          : FLOW_DROP,
             id);
    if (fl->told <= FLOWS_MORE_MAX)
        fl->told++;
}

void tell_answered(struct flows *f, struct flow *fl, uint32_t id)
{
    bool often = fl->told >= FLOWS_MORE_MAX;
    tell_one(f, fl, often ? FLOW_DROP : FLOW_AFTER, id);
    fl->told += !often;
}

void tell_held(struct flows *f, struct flow_work *w, enum msg_flow_what what, uint32_t upto, const char *name)
{
    struct msg_flow m = message(w->flow, w, what);
    unsigned left = 0;
    for (unsigned i = 0; i < w->held_count; i++)
        if (w->held[i].end <= upto)
            m.packets[m.count++] = w->held[i].id;
        else
            w->held[left++] = w->held[i];
    w->held_count = (uint8_t)left;
    strcpy(m.name, name);
    if (m.count > 0 || what == FLOW_TOO_SLOW)
        f->send(f->user, &m);
}

void tell_server_refused(struct flows *f, struct flow *fl, uint32_t id)
{
    if (fl->told == 0) {
        struct msg_flow m = message(fl, NULL, (enum msg_flow_what)fl->what);
        f->send(f->user, &m);
        fl->told = 1;
    }
    tell_refused(f, fl, id);
}
