#include "session.h"
#include "audit.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- queries about services ---- */

static struct session_service *service_of(struct session *s, uint8_t number)
{
    return number >= 1 && number <= CONF_SERVICES_MAX && s->services[number].known ? &s->services[number] : NULL;
}

static bool any_raising(const struct session *s)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (s->services[n].raising)
            return true;
    return false;
}

static void announce(struct session *s, uint8_t failed)
{
    struct msg_mode mode;
    session_mode(s, &mode);
    mode.failed = failed;
    s->ops->announce(s->user, &mode);
    s->ops->changed(s->user);
}

static void no_fault(struct session *s)
{
    cause_set(&s->fault, CAUSE_NONE, NULL);
}

/* In the audit log: the cause alone, or as `reason=`. */
static void audit_cause(struct session *s, const char *event, const char *before, const struct cause *cause)
{
    char line[CAUSE_LINE_MAX], details[AUDIT_LINE_MAX];
    const char *quote = *before ? "\"" : "";
    snprintf(details, sizeof details, "%s%s%s%s", before, quote, cause_line(cause, line), quote);
    s->ops->audit(s->user, event, details);
}

/* ---- the kernel follows the state ---- */

static enum msg_mode_kind mode_of(const struct session *s, enum session_state state)
{
    switch (state) {
    case SESSION_UP: return MODE_SESSION;
    case SESSION_IDLE:
    case SESSION_RAISING: return s->without;
    default: return MODE_CLOSED;
    }
}

static uint32_t new_generation(struct session *s)
{
    uint32_t g;
    do
        g = s->ops->random(s->user) & ~FIREWALL_MARK_FORMS;
    while (g <= FIREWALL_MARK_REFUSED || g == s->view.generation);
    return g;
}

/* Make the kernel's mode match `state`. False: it has refused, and its mode is uncertain. */
static bool apply(struct session *s, enum session_state state)
{
    struct firewall_view view = {.mode = mode_of(s, state)};
    bool same_mode = view.mode == s->view.mode;
    view.names_outside = view.mode != MODE_CLOSED && (view.mode != MODE_SESSION || s->names_outside);
    bool same_flows = same_mode && !s->moved;
    if (view.mode == MODE_SESSION) {
        view.keep_allow = same_flows;
        for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
            if (s->services[n].up) {
                view.tunnels[view.tunnel_count++] = s->services[n].tunnel;
                view.names_outside = view.names_outside || s->services[n].by_pc;
            }
    } else if (same_mode && state != SESSION_FAULT && state != SESSION_STARTING) {
        return true; /* between idle and raising no flows are cut */
    }
    if (view.mode != MODE_CLOSED)
        view.generation = same_flows ? s->view.generation : new_generation(s);
    uint32_t before = s->view.generation;
    if (s->ops->apply(s->user, &view) < 0)
        return false;
    s->view = view;
    s->moved = false;
    if (before && before != view.generation)
        s->ops->forget(s->user, before);
    return true;
}

static void take_down(struct session *s, uint8_t number)
{
    if (s->services[number].by_pc)
        return; /* charon has no part in it */
    if (!s->charon)
        return; /* its SAs are gone with it; those left in the kernel are removed when it is back */
    if (s->services[number].ending)
        return; /* in progress; a second request might hit the next attempt's IKE_SA */
    s->services[number].ending = s->ops->now(s->user) + SESSION_ENDING_MS;
    s->ops->terminate(s->user, number);
}

static void drop_tunnels(struct session *s)
{
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        struct session_service *v = &s->services[n];
        bool was_up = v->up;
        if (v->up || v->raising)
            take_down(s, n);
        v->up = v->raising = false;
        if (was_up)
            s->ops->tunnel(s->user, n, NULL);
    }
}

/*
 * The only function that changes the state. It logs, sets the state's time-out, updates the kernel (before the mode is
 * announced), and goes to `fault` if the kernel refuses.
 */
static void enter(struct session *s, enum session_state state, uint8_t failed, const struct cause *why)
{
    static const uint32_t timeouts[SESSION_STATES] = {
        [SESSION_ENDING] = SESSION_ENDING_MS, [SESSION_FAULT] = SESSION_FAULT_MS};
    uint64_t now = s->ops->now(s->user);
    char line[CAUSE_LINE_MAX];
    struct cause reason = *why; /* a copy, as *why may be changed here */
    log_info("session: %s -> %s: %s", session_state_name(s->state), session_state_name(state),
             cause_line(&reason, line));
    if (s->state == SESSION_UP && state != SESSION_UP) {
        audit_cause(s, "session.end", "reason=", &reason);
        s->last_end = reason;
    }
    if (s->state != state)
        s->state_since = now;
    s->state = state;
    s->deadline = timeouts[state] ? now + timeouts[state] : 0;
    s->reason = reason;

    bool obeyed = apply(s, state);
    if (!obeyed && state != SESSION_FAULT) {
        struct cause refusal = {.code = CAUSE_FIREWALL_NOT_LOADED};
        if (errno != ENOENT)
            cause_system(&refusal, errno);
        cause_because(&s->fault, CAUSE_FIREWALL_REFUSES, &refusal, NULL);
        audit_cause(s, "fault", "", &s->fault);
        enter(s, SESSION_FAULT, failed, &s->fault);
        return;
    }
    if (state != SESSION_UP && state != SESSION_RAISING)
        drop_tunnels(s);
    announce(s, failed);
    if (!obeyed)
        s->ops->helpless(s->user);
}

/* ---- initiating ---- */

static void raise_tunnel(struct session *s, uint8_t number, const struct cause *reason)
{
    struct session_service *v = &s->services[number];
    if (!v->by_pc && s->ops->initiate(s->user, number) < 0) {
        session_raise_failed(s, number, CAUSE_OF(CAUSE_VPN_REFUSES));
        return;
    }
    v->raising = true;
    v->raise_deadline = s->ops->now(s->user) + SESSION_RAISE_MS;
    if (s->state == SESSION_IDLE)
        enter(s, SESSION_RAISING, 0, reason);
    else
        log_info("session: %s, also raising %s: %s", session_state_name(s->state), v->name,
                 cause_word((enum cause_code)reason->code));
    if (v->by_pc) {
        struct firewall_tunnel none = {.service = number, .by_pc = true};
        session_tunnel_up(s, &none);
    }
}

void session_want(struct session *s, uint8_t number, const struct addr *client)
{
    struct session_service *v = service_of(s, number);
    if (!v || v->up || v->raising)
        return;
    char text[INET6_ADDRSTRLEN] = "the LAN";
    if (client)
        addr_text(client, text, sizeof text);
    snprintf(v->client, sizeof v->client, "%s", text);
    if (session_must_wait(s, v) || v->ending) {
        v->wanted = true; /* briefly; the DNS query waits */
        return;
    }
    struct cause why;
    bool obstacle = session_obstacle(s, number, &why);
    if (obstacle || s->ops->now(s->user) < v->next_try) {
        if (obstacle)
            s->fault = why;
        announce(s, (uint8_t)(1u << (number - 1)));
        return;
    }
    session_asked_by(v, &why);
    raise_tunnel(s, number, &why);
}

void session_raise_failed(struct session *s, uint8_t number, const struct cause *why)
{
    struct session_service *v = service_of(s, number);
    if (!v)
        return;
    uint32_t wait = SESSION_BACKOFF_MIN_MS;
    for (unsigned i = 0; i < v->failures && wait < SESSION_BACKOFF_MAX_MS; i++)
        wait *= 2;
    v->failures++;
    v->next_try = s->ops->now(s->user) + (wait < SESSION_BACKOFF_MAX_MS ? wait : SESSION_BACKOFF_MAX_MS);
    if (v->raising) {
        v->raising = false;
        take_down(s, number);
    }

    char before[CONF_NAME_MAX + 24];
    snprintf(before, sizeof before, "service=%s reason=", v->name);
    audit_cause(s, "session.failed", before, why);
    cause_because(&s->fault, CAUSE_TUNNEL_FAILED, why, v->name, NULL);
    uint8_t bit = (uint8_t)(1u << (number - 1));
    if (s->state == SESSION_RAISING && !any_raising(s))
        enter(s, SESSION_IDLE, bit, &s->fault);
    else
        announce(s, bit);
}

/* ---- tunnels come and go ---- */

void session_tunnel_up(struct session *s, const struct firewall_tunnel *tunnel)
{
    struct session_service *v = service_of(s, tunnel->service);
    bool asked = v && (v->up || v->raising) && !v->ending;
    if (!asked || (s->state != SESSION_RAISING && s->state != SESSION_UP)) {
        /* Not requested (any more): do not keep a tunnel without a session. */
        take_down(s, tunnel->service);
        return;
    }
    char details[128];
    struct cause reason;
    bool fresh = !v->up;
    v->raising = false;
    v->failures = 0;
    v->next_try = 0;
    v->up = true;
    if (fresh)
        v->blackhole = (struct blackhole){0};
    s->moved = !fresh && !(addr_equal(&v->tunnel.vip4, &tunnel->vip4) && addr_equal(&v->tunnel.vip6, &tunnel->vip6));
    v->tunnel = *tunnel;
    if (!v->by_pc)
        no_fault(s);
    cause_set(&reason,
              v->by_pc   ? CAUSE_PC_TUNNEL_OPEN
              : fresh    ? CAUSE_TUNNEL_UP
              : s->moved ? CAUSE_TUNNEL_MOVED
                         : CAUSE_TUNNEL_RENEWED,
              v->name, NULL);
    if (s->moved)
        audit_cause(s, "session.moved", "", &reason);
    s->active_at = s->ops->now(s->user);
    s->active_count = s->ops->activity(s->user);
    if (s->state == SESSION_UP)
        log_info("session: up, %s: %s", v->name, cause_word((enum cause_code)reason.code));
    /* The mode is announced only after the kernel has it; the resolver's sockets come first, so that the first query
     * finds them. They are useless while the packet filter is closed. */
    s->ops->tunnel(s->user, tunnel->service, tunnel);
    enter(s, SESSION_UP, 0, &reason);
    if (s->state != SESSION_UP || !fresh)
        return;
    snprintf(details, sizeof details, "service=%s client=%s generation=%u%s", v->name, v->client, s->view.generation,
             v->by_pc ? " tunnel=pc" : "");
    s->ops->audit(s->user, "session.start", details);
}

/* Initiate what was requested while it was not possible; after the time-out report the failure. */
static void raise_wanted(struct session *s)
{
    uint8_t given_up = 0;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        struct session_service *v = &s->services[n];
        if (!v->wanted || v->ending || session_must_wait(s, v))
            continue;
        v->wanted = false;
        struct cause why;
        if (session_obstacle(s, n, &why)) {
            s->fault = why;
            given_up |= (uint8_t)(1u << (n - 1));
        } else if (!v->up && !v->raising) {
            session_asked_by(v, &why);
            raise_tunnel(s, n, &why);
        }
    }
    if (given_up)
        announce(s, given_up);
}

/* Go to the idle state; if a tunnel was requested in the meantime, initiate it. */
static void rest(struct session *s, const struct cause *reason)
{
    enter(s, s->charon ? SESSION_IDLE : SESSION_STARTING, 0, reason);
    raise_wanted(s);
}

void session_tunnel_down(struct session *s, uint8_t number, const struct cause *why)
{
    struct session_service *v = service_of(s, number);
    if (!v)
        return;
    if (v->raising) {
        session_raise_failed(s, number, why);
        return;
    }
    if (s->state != SESSION_UP || !v->up)
        return;
    struct cause reason;
    cause_because(&reason, CAUSE_TUNNEL_GONE, why, v->name, NULL);
    v->up = false;
    take_down(s, number);
    s->ops->tunnel(s->user, number, NULL);
    if (session_services_up(s)) /* the session goes on with the other tunnels */
        enter(s, SESSION_UP, 0, &reason);
    else
        rest(s, &reason);
}

void session_taken_down(struct session *s, uint8_t number)
{
    struct session_service *v = service_of(s, number);
    if (!v || !v->ending)
        return;
    v->ending = 0;
    if (s->state == SESSION_ENDING && !session_any_ending(s))
        rest(s, CAUSE_OF(CAUSE_SESSION_OVER));
    else
        raise_wanted(s);
}

void session_left_over(struct session *s, uint8_t number)
{
    struct session_service *v = service_of(s, number);
    if (!v || v->up || v->ending)
        return;
    if (v->raising) {
        session_raise_failed(s, number, CAUSE_OF(CAUSE_HUB_CLOSED_AT_ONCE));
        return;
    }
    log_info("session: %s, an IKE_SA of %s stands without a tunnel: it is taken down", session_state_name(s->state),
             v->name);
    take_down(s, number);
}

/* ---- events from outside ---- */

static void begin_grace(struct session *s)
{
    s->grace_until = s->ops->now(s->user) + SESSION_GRACE_MS;
}

static void charon_away(struct session *s, enum cause_code how, enum cause_code fault)
{
    if (!s->charon)
        return;
    s->charon = false;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        s->services[n].ending = 0;
    begin_grace(s);
    if (s->state == SESSION_FAULT)
        return; /* left only when the kernel accepts a change */
    cause_set(&s->fault, fault, NULL);
    audit_cause(s, "fault", "", CAUSE_OF(how));
    enter(s, SESSION_STARTING, 0, CAUSE_OF(how));
}

void session_charon(struct session *s, bool up)
{
    if (!up) {
        charon_away(s, CAUSE_CHARON_GONE, CAUSE_VPN_GONE);
        return;
    }
    if (s->charon)
        return;
    s->charon = true;
    if (s->state == SESSION_FAULT)
        return;
    no_fault(s);
    rest(s, CAUSE_OF(CAUSE_VPN_READY));
}

void session_charon_hangs(struct session *s)
{
    charon_away(s, CAUSE_CHARON_HANGS, CAUSE_VPN_HANGS);
}

void session_credentials(struct session *s, bool loaded)
{
    if (s->credentials == loaded)
        return;
    s->credentials = loaded;
    if (!loaded)
        begin_grace(s);
    if (loaded)
        cause_set(&s->refused, CAUSE_NONE, NULL);
    if (loaded && s->state != SESSION_FAULT)
        no_fault(s);
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        s->services[n].next_try = 0;
    s->ops->changed(s->user);
    raise_wanted(s);
}

void session_refused(struct session *s, uint8_t number, const char *key, const char *why)
{
    const struct session_service *v = service_of(s, number);
    struct cause refused;
    if (!v)
        return;
    cause_set(&refused, CAUSE_SERVICE_REFUSED, key ? key : "[tunnel]", v->name, why, NULL);
    if (s->state != SESSION_FAULT)
        s->fault = refused;
    if (cause_equal(&refused, &s->refused))
        return;
    s->refused = refused;
    audit_cause(s, "fault", "", &refused);
    s->ops->changed(s->user);
}

void session_wan(struct session *s, bool up, bool address_changed)
{
    if (up && !s->wan && s->state != SESSION_FAULT && s->charon)
        no_fault(s);
    if (up && !s->wan)
        for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
            s->services[n].next_try = s->services[n].failures = 0;
    if (up != s->wan)
        log_info("session: %s, the line is %s", session_state_name(s->state), up ? "up" : "down");
    s->wan = up;
    /* A short loss does not end the session: if the hub has become unreachable, charon notices (DPD). But with another
     * address of ours the tunnel is useless. */
    if (up && address_changed && (s->state == SESSION_UP || s->state == SESSION_RAISING))
        enter(s, SESSION_ENDING, 0, CAUSE_OF(CAUSE_LINE_MOVED));
    s->ops->changed(s->user);
}

bool session_command_start(struct session *s, uint8_t number, struct cause *answer)
{
    if (number == 0)
        number = s->first;
    struct session_service *v = service_of(s, number);
    cause_set(answer, CAUSE_NO_SUCH_SERVICE, NULL);
    if (!v || session_obstacle(s, number, answer))
        return false;
    if (v->up || v->raising) {
        cause_set(answer,
                  v->by_pc ? CAUSE_PC_TUNNEL_OPEN_NOW
                  : v->up  ? CAUSE_TUNNEL_UP_ALREADY
                           : CAUSE_TUNNEL_RAISING,
                  v->name, NULL);
        return true;
    }
    if (v->ending) { /* briefly */
        v->wanted = true;
        snprintf(v->client, sizeof v->client, SESSION_CONSOLE);
        cause_set(answer, CAUSE_TUNNEL_RAISING, v->name, NULL);
        return true;
    }
    if (v->by_pc)
        snprintf(v->client, sizeof v->client, SESSION_CONSOLE);
    raise_tunnel(s, number, CAUSE_OF(CAUSE_SESSION_BY_COMMAND));
    if (v->up)
        cause_set(answer, CAUSE_PC_TUNNEL_OPEN_NOW, v->name, NULL);
    else if (v->raising)
        cause_set(answer, CAUSE_TUNNEL_RAISING, v->name, NULL);
    else
        *answer = s->fault;
    return v->raising || v->up;
}

/* Terminate any SAs that charon still has; true: there were some. */
static bool take_down_rest(struct session *s)
{
    bool any = false;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        if (!s->services[n].known || s->services[n].by_pc || !s->charon || !s->ops->has_ike_sa(s->user, n))
            continue;
        any = true;
        take_down(s, n);
    }
    return any;
}

bool session_command_end(struct session *s, struct cause *answer)
{
    if (s->state != SESSION_UP && s->state != SESSION_RAISING) {
        cause_set(answer, take_down_rest(s) ? CAUSE_NO_SESSION_LEFT_OVER : CAUSE_NO_SESSION, NULL);
        return true;
    }
    enter(s, SESSION_ENDING, 0, CAUSE_OF(CAUSE_SESSION_ENDED));
    cause_set(answer, s->start == CONF_START_ALWAYS ? CAUSE_SESSION_WILL_RESTART : CAUSE_SESSION_HAS_ENDED, NULL);
    return true;
}

/* ---- time ---- */

static void tick_raising(struct session *s, uint64_t now)
{
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        struct session_service *v = &s->services[n];
        if (v->ending && now >= v->ending)
            v->ending = 0;
        if (v->raising && now >= v->raise_deadline)
            session_raise_failed(s, n, CAUSE_OF(CAUSE_HUB_LATE));
    }
}

static void tick_always(struct session *s, uint64_t now)
{
    if (s->start != CONF_START_ALWAYS ||
        (s->state != SESSION_IDLE && s->state != SESSION_RAISING && s->state != SESSION_UP))
        return;
    struct cause obstacle;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        struct session_service *v = &s->services[n];
        if (v->known && !v->by_pc && !v->up && !v->raising && !v->ending && now >= v->next_try &&
            !session_obstacle(s, n, &obstacle))
            raise_tunnel(s, n, CAUSE_OF(CAUSE_SESSION_ALWAYS));
    }
}

static void tick_idle(struct session *s, uint64_t now)
{
    if (s->state != SESSION_UP)
        return;
    uint64_t count = s->ops->activity(s->user);
    if (count != s->active_count) {
        s->active_count = count;
        s->active_at = now;
    } else if (!session_lasts(s) && now - s->active_at >= s->idle_ms) {
        enter(s, SESSION_ENDING, 0, CAUSE_OF(CAUSE_SESSION_IDLE));
    }
}

void session_tick(struct session *s)
{
    uint64_t now = s->ops->now(s->user);
    tick_raising(s, now);
    raise_wanted(s);
    tick_idle(s, now);
    tick_always(s, now);
    bool over =
        s->state == SESSION_ENDING && !session_any_ending(s); /* a PC's own tunnel: there is nothing to be waited for */
    if (!over && (!s->deadline || now < s->deadline))
        return;
    if (s->state == SESSION_ENDING) {
        rest(s, CAUSE_OF(CAUSE_SESSION_OVER));
    } else if (s->state == SESSION_FAULT) {
        s->deadline = now + SESSION_FAULT_MS;
        if (apply(s, SESSION_FAULT)) { /* close first; go on only if the kernel accepts that */
            no_fault(s);
            rest(s, CAUSE_OF(CAUSE_FIREWALL_AGAIN));
        }
    }
}

/* ---- set-up ---- */

void session_init(struct session *s, const struct conf *conf, const struct session_ops *ops, void *user)
{
    *s = (struct session){.ops = ops, .user = user};
    s->without = conf_before(conf) ? MODE_BEFORE : MODE_CLOSED;
    if (conf->site.outside == CONF_OUTSIDE_INTERNET)
        s->without = MODE_INTERNET;
    s->start = conf->site.start;
    s->idle_ms = conf->site.idle_s * 1000;
    s->names_outside = conf_on_line(conf) > 0;
    for (unsigned i = 0; i < conf->service_count; i++) {
        const struct conf_service *c = &conf->services[i];
        if (c->number < 1 || c->number > CONF_SERVICES_MAX)
            continue;
        s->services[c->number].known = true;
        s->services[c->number].by_pc = c->by_pc;
        memcpy(s->services[c->number].name, c->name, sizeof c->name);
        s->names_outside = s->names_outside || (c->resolver_wan && !c->by_pc);
        if (!s->first)
            s->first = c->number;
    }
}

void session_begin(struct session *s)
{
    begin_grace(s);
    enter(s, SESSION_STARTING, 0, CAUSE_OF(CAUSE_GATE_STARTED));
}
