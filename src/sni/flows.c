#include "flows.h"

#include "flowtable.h"
#include "log.h"
#include "tell.h"

#include <string.h>

#define NEVER UINT32_MAX

static const char *const state_names[] = {"free", "seen", "holding", "agreed", "again", "answered", "refused"};

void flows_init(struct flows *f, uint32_t seed, void (*send)(void *user, const struct msg_flow *m), void *user)
{
    f->send = send;
    f->user = user;
    f->seed = seed;
    f->epoch = 1;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++)
        stream_room(&f->works[i].stream, STREAM_MAX, f->works[i].map, f->works[i].data);
}

static struct flow_work *work_of(struct flows *f, const struct flow *fl)
{
    return fl->work ? &f->works[fl->work - 1] : NULL;
}

static void free_work(struct flows *f, struct flow_work *w)
{
    unsigned i = (unsigned)(w - f->works);
    f->agreed_used -= f->agreed[i];
    f->works_used--;
    f->agreed[i] = false;
    f->due[i] = 0;
    w->flow->work = 0;
    w->flow = NULL;
}

/* The only place where a flow changes its state. A state without use for the flow's octets frees them. */
static void enter(struct flows *f, struct flow *fl, enum flow_state to, const char *reason)
{
    char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
    log_debug("%s:%u to %s:%u: %s -> %s: %s", addr_text(&fl->client, client, sizeof client), fl->client_port,
              addr_text(&fl->server, server, sizeof server), fl->server_port, state_names[fl->state], state_names[to],
              reason);
    fl->state = (uint8_t)to;
    struct flow_work *w = work_of(f, fl);
    if (!w)
        return;
    bool *agreed = &f->agreed[w - f->works];
    f->agreed_used += (to == STATE_AGREED) - *agreed;
    *agreed = to == STATE_AGREED;
    if (to == STATE_FREE || to == STATE_SEEN || to == STATE_ANSWERED || to == STATE_REFUSED)
        free_work(f, w);
}

static void let_go(struct flows *f, struct flow_work *w, enum msg_flow_what what, const char *name)
{
    tell_held(f, w, what, w->stream.have, name);
    w->released = w->stream.have;
}

static void refuse(struct flows *f, struct flow_work *w, enum msg_flow_what what, const char *name, const char *why)
{
    struct flow *fl = w->flow;
    fl->told = w->held_count > 0;
    tell_held(f, w, what, NEVER, name);
    f->stats.refused++;
    fl->what = (uint8_t)what;
    enter(f, fl, STATE_REFUSED, why);
}

/* ---- streams ---- */

static void set_due(struct flows *f, struct flow_work *w)
{
    uint64_t due = w->began_at + (w->flow->state == STATE_AGREED ? FLOWS_AGREED_MS : FLOWS_SLOW_MS);
    for (unsigned i = 0; i < w->held_count && w->flow->state != STATE_AGREED; i++)
        if (w->held[i].end <= w->stream.have && w->last_at + FLOWS_EARLY_MS < due)
            due = w->last_at + FLOWS_EARLY_MS;
    f->due[w - f->works] = due;
}

/* Stop tracking the flow and drop its held packets. */
static void forget(struct flows *f, struct flow_work *w, const char *why)
{
    struct flow *fl = w->flow;
    tell_held(f, w, FLOW_DROP, NEVER, "");
    if (fl->state == STATE_AGREED)
        free_work(f, w); /* its further packets are dropped */
    else
        enter(f, fl, STATE_FREE, why);
}

static void evict(struct flows *f, struct flow_work *w)
{
    if (w->flow->state == STATE_AGREED)
        forget(f, w, "room was needed");
    else
        refuse(f, w, FLOW_CROWD, "", "room was needed");
}

static struct flow_work *take_work(struct flows *f, uint64_t now, struct flow *fl)
{
    struct flow_work *old = flowtable_to_evict(f, &fl->client);
    if (old)
        evict(f, old);
    return flowtable_work(f, now, fl);
}

/* ---- verdicts on ClientHellos ---- */

/* May the flow go on with this name, or with the part of it that has arrived? */
static enum msg_flow_what judge_name(const struct flows *f, const struct flow_work *w, const struct clienthello *h)
{
    bool whole = h->has_name == CLIENTHELLO_NAME_WHOLE;
    if (w->flow->state == STATE_AGAIN) { /* RFC 8446 section 4.1.2: the second ClientHello repeats the first */
        bool same = whole ? strcmp(h->name, w->name) == 0 : strncmp(h->name, w->name, strlen(h->name)) == 0;
        if (!same)
            return FLOW_SECOND;
    }
    if (!whole)
        return allowlist_begins(&f->listed, w->flow->service, h->name) ? FLOW_NAME : FLOW_NOT_LISTED;
    int id = conf_is_fqdn(h->name) ? allowlist_find(&f->listed, h->name) : -1;
    if (id >= 0 && !allowlist_goes(&f->listed.names[id], w->flow->service))
        id = -1;
    if (h->ech && (id < 0 || !f->listed.names[id].ech_noise))
        return FLOW_ECH;
    return id < 0 ? FLOW_NOT_LISTED : FLOW_NAME;
}

static const char *const judged[FLOW_WHAT_COUNT] = {
    [FLOW_NAME] = "a ClientHello with a listed name",
    [FLOW_NOT_LISTED] = "a name that is not listed",
    [FLOW_ECH] = "an encrypted ClientHello",
    [FLOW_SECOND] = "a second ClientHello with another name",
};

/* A complete ClientHello: check its name and what follows it, and report it with all packets that carry it. */
static void judge_whole(struct flows *f, struct flow_work *w, const struct clienthello *h)
{
    enum msg_flow_what what = judge_name(f, w, h);
    if (what != FLOW_NAME) {
        refuse(f, w, what, h->name, judged[what]);
        return;
    }
    bool again = w->flow->state == STATE_AGAIN;
    size_t next, end = w->hello_at + h->end;
    bool early_data = h->early_data && !again; /* RFC 8446 section 4.2.10: not after HelloRetryRequest */
    const char *why = clienthello_rest(w->stream.data + end, w->stream.have - end, early_data, &next);
    if (!why && next != SIZE_MAX)
        why = "two ClientHellos at once";
    if (why) {
        refuse(f, w, FLOW_SECOND, h->name, why);
        return;
    }
    w->second = again;
    w->early_data = early_data;
    w->rest_at = (uint32_t)end;
    w->began_at = w->last_at;
    memcpy(w->name, h->name, sizeof w->name);
    let_go(f, w, FLOW_NAME, h->name);
    enter(f, w->flow, STATE_AGREED, judged[FLOW_NAME]);
    set_due(f, w);
}

/* HOLDING, AGAIN: parse what has arrived. idle: nothing new has come for FLOWS_EARLY_MS. */
static void judge_hello(struct flows *f, struct flow_work *w, bool idle)
{
    struct clienthello h;
    switch (clienthello_read(w->stream.data + w->hello_at, w->stream.have - w->hello_at, &h)) {
    case CLIENTHELLO_WHOLE: judge_whole(f, w, &h); return;
    case CLIENTHELLO_WRONG: refuse(f, w, h.what, h.name, h.why); return;
    case CLIENTHELLO_PART: break;
    }
    if (idle) {
        enum msg_flow_what what = judge_name(f, w, &h);
        if (what != FLOW_NAME) {
            refuse(f, w, what, h.name, judged[what]);
            return;
        }
        /* Clients put the name among the first extensions; limit what may pass before it. */
        if (h.has_name == CLIENTHELLO_NAME_NONE && w->stream.have - w->hello_at > FLOWS_NAMELESS_MAX) {
            refuse(f, w, FLOW_TOO_LONG, "", "much was said before the server name");
            return;
        }
        let_go(f, w, FLOW_EARLY, h.name);
    }
    set_due(f, w);
}

/* AGREED: data after the ClientHello while the server has not answered. */
static void judge_rest(struct flows *f, struct flow_work *w)
{
    size_t next;
    const char *why = clienthello_rest(w->stream.data + w->rest_at, w->stream.have - w->rest_at, w->early_data, &next);
    if (!why && next != SIZE_MAX && w->second)
        why = "a third ClientHello";
    if (why) {
        refuse(f, w, FLOW_SECOND, w->name, why);
        return;
    }
    if (next == SIZE_MAX) {
        let_go(f, w, FLOW_EARLY, w->name);
        set_due(f, w);
        return;
    }
    w->hello_at = w->rest_at + (uint32_t)next;
    w->began_at = w->last_at;
    enter(f, w->flow, STATE_AGAIN, "a second ClientHello begins");
    judge_hello(f, w, false);
}

static void judge(struct flows *f, struct flow_work *w, bool idle)
{
    if (w->flow->state == STATE_AGREED)
        judge_rest(f, w);
    else
        judge_hello(f, w, idle);
}

/* ---- events ---- */

/* Is there anything in this mode that could be agreed to? */
static bool any_open(const struct flows *f)
{
    return f->mode.mode == MODE_SESSION || f->mode.mode == MODE_BEFORE;
}

void flows_mode(struct flows *f, const struct msg_mode *m)
{
    bool same = m->generation == f->mode.generation && m->mode == f->mode.mode;
    f->mode = *m;
    if (same)
        return;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++)
        if (f->due[i] != 0) {
            struct flow *fl = f->works[i].flow;
            tell_held(f, &f->works[i], FLOW_DROP, NEVER, "");
            enter(f, fl, STATE_FREE, "another session");
        }
    f->epoch++;
}

/* Swap client and server, so that the SYN-ACK is keyed like the client's packets. */
static void turn(struct packet *p)
{
    struct addr server = p->client;
    uint16_t port = p->client_port;
    p->client = p->server;
    p->client_port = p->server_port;
    p->server = server;
    p->server_port = port;
}

/* Is this SYN-ACK (turned) a retransmission of the one that the flow began with? */
static bool repeated(const struct flow *fl, const struct packet *p)
{
    return addr_equal(&fl->client, &p->client) && addr_equal(&fl->server, &p->server) &&
           fl->client_port == p->client_port && fl->server_port == p->server_port && fl->base == p->ack &&
           fl->ack == p->seq + 1;
}

/* Another connection, which the kernel takes for the allowed one. */
static void refuse_second(struct flows *f, struct flow *fl)
{
    struct flow_work *w = work_of(f, fl);
    if (fl->state == STATE_REFUSED)
        return;
    if (w) {
        refuse(f, w, FLOW_SECOND, w->name, "another SYN-ACK after it was agreed to");
        return;
    }
    fl->told = 0;
    fl->what = FLOW_SECOND;
    f->stats.refused++;
    enter(f, fl, STATE_REFUSED, "another SYN-ACK after it was agreed to");
}

void flows_synack(struct flows *f, uint64_t now, bool agreed, const uint8_t *ip, size_t len)
{
    struct packet p;
    if (!any_open(f) || !packet_tcp(ip, len, false, &p) ||
        (p.flags & (PACKET_SYN | PACKET_ACK | PACKET_RST)) != (PACKET_SYN | PACKET_ACK))
        return;
    turn(&p);
    struct flow *fl = agreed ? flowtable_find(f, &p) : flowtable_place(f, &p);
    if (agreed) {
        if (fl && !repeated(fl, &p))
            refuse_second(f, fl);
        return; /* (the packets of an unknown flow are refused) */
    }
    if (flowtable_alive(f, fl)) {
        if (repeated(fl, &p))
            return;
        struct flow_work *w = work_of(f, fl);
        if (w)
            tell_held(f, w, FLOW_DROP, NEVER, "");
        enter(f, fl, STATE_FREE, "its place is needed");
    }
    *fl = (struct flow){.client = p.client,
                        .server = p.server,
                        .client_port = p.client_port,
                        .server_port = p.server_port,
                        .base = p.ack,
                        .ack = p.seq + 1,
                        .stamped = p.stamped,
                        .stamp = p.stamp_echo,
                        .used_at = now,
                        .epoch = f->epoch};
    enter(f, fl, STATE_SEEN, "SYN-ACK");
}

/*
 * Will the server accept this segment? NULL: yes; else why not. A server discards a segment that acknowledges data it
 * has not sent, or that fails PAWS (RFC 7323 section 5).
 */
static const char *disbelief(const struct flow *fl, const struct packet *p)
{
    if (p->odd)
        return p->odd;
    if (fl->stamped && !p->stamped)
        return "a segment without its timestamp";
    /* Before the ClientHello is allowed the server sends nothing. */
    if (p->ack - fl->ack > (fl->state == STATE_SEEN || fl->state == STATE_HOLDING ? 0 : FLOWS_ANSWER_MAX))
        return "an acknowledgement of what the server has not said";
    return NULL;
}

/* Does one of the held packets contain this whole segment? */
static bool held_already(const struct flow_work *w, uint32_t begin, uint32_t end)
{
    for (unsigned i = 0; i < w->held_count; i++)
        if (w->held[i].begin <= begin && end <= w->held[i].end)
            return true;
    return false;
}

/* A segment of a flow whose octets are kept. There is room to hold the packet. */
static void take_segment(struct flows *f, uint64_t now, struct flow_work *w, uint32_t id, const struct packet *p,
                         size_t size)
{
    enum stream_put put = stream_put(&w->stream, p->seq, p->data, p->len);
    uint32_t end = stream_end(&w->stream, p->seq, p->len), begin = end - (uint32_t)p->len;
    if (put == STREAM_BEYOND || put == STREAM_BEFORE) {
        tell_one(f, w->flow, FLOW_DROP, id); /* a genuine client retransmits it */
        return;
    }
    if (put == STREAM_OLD && (end <= w->released || held_already(w, begin, end))) {
        /* A packet that was accepted may have been lost since. */
        tell_one(f, w->flow, end <= w->released ? FLOW_EARLY : FLOW_DROP, id);
        return;
    }
    w->held[w->held_count++] = (struct flow_held){.id = id, .begin = begin, .end = end, .size = (uint32_t)size};
    w->last_at = now;
    if (put == STREAM_CONFLICT)
        refuse(f, w, FLOW_BROKEN, w->name, "segments that overlap and differ");
    else if (put == STREAM_ACROSS)
        refuse(f, w, FLOW_BROKEN, w->name, "a segment that begins before the stream");
    else
        judge(f, w, false);
}

/*
 * Make room for one more held packet. First try to accept what is complete so far. If everything held is after a gap
 * and this packet starts to close it, drop the farthest one, which the client retransmits. False: there is no room.
 */
static bool make_room(struct flows *f, struct flow_work *w, const struct packet *p)
{
    if (w->held_count < MSG_FLOW_PACKETS)
        return true;
    if (w->flow->state != STATE_AGREED)
        judge_hello(f, w, true);
    if (w->flow->state == STATE_REFUSED)
        return false;
    if (w->held_count < MSG_FLOW_PACKETS)
        return true;
    if ((int32_t)(p->seq - w->stream.base - w->stream.have) > 0)
        return false;
    unsigned last = 0;
    for (unsigned i = 1; i < w->held_count; i++)
        if (w->held[i].end > w->held[last].end)
            last = i;
    tell_one(f, w->flow, FLOW_DROP, w->held[last].id);
    memmove(&w->held[last], &w->held[last + 1], (--w->held_count - last) * sizeof w->held[0]);
    return true;
}

/* The flow is in the table and not refused. */
static void known_packet(struct flows *f, uint64_t now, struct flow *fl, uint32_t id, const struct packet *p,
                         size_t size)
{
    struct flow_work *w = work_of(f, fl);
    if (fl->stamped && p->stamped && !p->odd) {
        if ((int32_t)(p->stamp - fl->stamp) < 0) {
            tell_one(f, fl, FLOW_DROP, id); /* older than the last (PAWS): the server would discard it */
            return;
        }
        fl->stamp = p->stamp;
    }
    if (fl->state == STATE_SEEN) {
        w = take_work(f, now, fl);
        enter(f, fl, STATE_HOLDING, "first octets");
    }
    if (!w) { /* allowed long ago, and the server still has not answered */
        tell_one(f, fl, FLOW_DROP, id);
        return;
    }
    if (flowtable_beyond_share(f, w, size) || !make_room(f, w, p)) {
        tell_one(f, fl, FLOW_DROP, id);
        return;
    }
    const char *why = disbelief(fl, p);
    if (why) {
        w->held[w->held_count++] = (struct flow_held){.id = id, .end = NEVER};
        refuse(f, w, FLOW_BROKEN, w->name, why);
        return;
    }
    take_segment(f, now, w, id, p, size);
}

/* A flow that is not in the table, for the message to gate. */
static struct flow stranger_of(const struct packet *p, uint8_t service)
{
    return (struct flow){.client = p->client,
                         .server = p->server,
                         .client_port = p->client_port,
                         .server_port = p->server_port,
                         .service = service == 0 ? 1 : service,
                         .base = p->seq,
                         .ack = p->ack};
}

void flows_packet(struct flows *f, uint64_t now, uint32_t id, uint8_t service, bool checksum, const uint8_t *ip,
                  size_t len)
{
    struct packet p;
    bool tcp = packet_tcp(ip, len, checksum, &p);
    /* A message needs addresses; for a packet that is not IP use impossible ones. */
    if (!tcp && !packet_head(ip, len, &p))
        p.client.family = p.server.family = AF_INET;
    struct flow stranger = stranger_of(&p, service);
    if (!tcp || service == 0 || !any_open(f)) {
        f->stats.skipped++;
        tell_one(f, &stranger, FLOW_DROP, id);
        return;
    }
    if (p.len == 0) {
        tell_one(f, &stranger, p.odd ? FLOW_DROP : FLOW_EARLY, id);
        return;
    }
    struct flow *fl = flowtable_find(f, &p);
    if (!fl) {
        f->stats.refused++;
        tell_one(f, &stranger, FLOW_NO_START, id);
        return;
    }
    fl->used_at = now;
    fl->service = service;
    if (fl->state == STATE_REFUSED)
        tell_refused(f, fl, id);
    else if (fl->state == STATE_ANSWERED)
        tell_answered(f, fl, id);
    else
        known_packet(f, now, fl, id, &p, len);
}

/* ---- the server's answer ---- */

/*
 * Is this segment of the server part of its answer to the allowed ClientHello? A server that has read the ClientHello
 * has acknowledged all of it, and nothing that was not accepted (except the client's FIN). Unusual options (SACK) or
 * a low hop limit do not matter here: the client takes the segment all the same, and it is never retransmitted.
 */
static bool answers(const struct flow_work *w, const struct packet *p)
{
    uint32_t read = p->ack - w->flow->base;
    return !p->unheard && read >= w->rest_at && read <= w->released + 1;
}

static void answered(struct flows *f, struct flow_work *w, uint32_t id)
{
    struct flow *fl = w->flow;
    f->stats.answered++;
    tell_one(f, fl, FLOW_ANSWER, id);
    tell_held(f, w, FLOW_AFTER, NEVER, "");
    fl->told = 0;
    enter(f, fl, STATE_ANSWERED, "a ServerHello");
}

/* AGREED, AGAIN. A segment that is not an answer is still accepted for the client. */
static void take_answer(struct flows *f, struct flow_work *w, uint32_t id, const struct packet *p)
{
    const char *why;
    switch (answers(w, p) ? answer_put(&w->answer, p->seq, p->data, p->len) : ANSWER_NOT_YET) {
    case ANSWER_SECOND:
        if (w->second && w->flow->state == STATE_AGREED) {
            answered(f, w, id);
            return;
        }
        why = "a ServerHello without the second ClientHello that was asked for";
        break;
    case ANSWER_HELLO: answered(f, w, id); return;
    case ANSWER_CONFLICT: why = "segments of the server that overlap and differ"; break;
    default: tell_one(f, w->flow, FLOW_EARLY, id); return;
    }
    struct flow *fl = w->flow;
    refuse(f, w, FLOW_BROKEN, w->name, why);
    tell_server_refused(f, fl, id);
}

void flows_answer(struct flows *f, uint32_t id, uint8_t service, bool checksum, const uint8_t *ip, size_t len)
{
    struct packet p;
    bool tcp = packet_tcp(ip, len, checksum, &p);
    if (!tcp && !packet_head(ip, len, &p))
        p.client.family = p.server.family = AF_INET;
    turn(&p);
    struct flow stranger = stranger_of(&p, service);
    bool good = tcp && service != 0 && any_open(f);
    struct flow *fl = good ? flowtable_find(f, &p) : NULL;
    struct flow_work *w = fl ? work_of(f, fl) : NULL;
    if (fl)
        fl->service = service; /* (a SYN-ACK in between has reset it) */
    if (!good || (fl && (fl->state == STATE_SEEN || fl->state == STATE_HOLDING))) {
        f->stats.skipped++;
        tell_one(f, &stranger, FLOW_DROP, id);
    } else if (fl && fl->state == STATE_REFUSED) {
        tell_server_refused(f, fl, id);
    } else if (!w) { /* answered, or allowed long ago or by an earlier instance of sni: accept it, nothing else */
        tell_one(f, &stranger, FLOW_EARLY, id);
    } else {
        take_answer(f, w, id, &p);
    }
}

/* ---- time ---- */

int flows_wait(const struct flows *f, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++)
        if (f->due[i] != 0 && f->due[i] < next)
            next = f->due[i];
    return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
}

bool flows_due(struct flows *f, uint64_t now)
{
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++) {
        struct flow_work *w = &f->works[i];
        if (f->due[i] == 0 || f->due[i] > now)
            continue;
        if (w->flow->state == STATE_AGREED)
            forget(f, w, "no answer of the server");
        else if (now >= w->began_at + FLOWS_SLOW_MS)
            refuse(f, w, FLOW_TOO_SLOW, w->name, "no whole ClientHello in time");
        else
            judge_hello(f, w, true);
        return true;
    }
    return false;
}
