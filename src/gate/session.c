#include "session.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- looking at the services ---- */

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

static void set_text(char *to, const char *text)
{
    snprintf(to, SESSION_TEXT_MAX, "%s", text);
}

/* ---- the kernel follows the state ---- */

static enum msg_mode_kind mode_of(const struct session *s, enum session_state state)
{
    switch (state) {
    case SESSION_UP: return MODE_SESSION;
    case SESSION_IDLE:
    case SESSION_RAISING: return s->outside == CONF_OUTSIDE_INTERNET ? MODE_INTERNET : MODE_CLOSED;
    default: return MODE_CLOSED;
    }
}

static uint32_t new_generation(struct session *s)
{
    uint32_t g;
    do
        g = s->ops->random(s->user) & ~KERNEL_MARK_FORMS;
    while (g <= KERNEL_MARK_REFUSED || g == s->view.generation);
    return g;
}

/* Bring the kernel to what `state` asks for. False: it refused, and what it does now is uncertain. */
static bool apply(struct session *s, enum session_state state)
{
    struct kernel_view view = {.mode = mode_of(s, state)};
    bool same_mode = view.mode == s->view.mode;
    view.names_outside = view.mode == MODE_INTERNET || (view.mode == MODE_SESSION && s->names_outside);
    bool same_flows = same_mode && !s->moved;
    if (view.mode == MODE_SESSION) {
        view.keep_allow = same_flows;
        for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
            if (s->services[n].up)
                view.tunnels[view.tunnel_count++] = s->services[n].tunnel;
    } else if (same_mode && state != SESSION_FAULT && state != SESSION_STARTING) {
        return true; /* idle and raising alternate without cutting anybody's flows */
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
    if (!s->charon)
        return; /* with it has gone what it held; what the kernel still has is taken down when it is back */
    if (s->services[number].ending)
        return; /* being done; a second request might meet the next attempt's IKE_SA */
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
 * The only function that changes the state. It logs, sets the state's time-out, brings the kernel in line (before
 * anybody is told), and ends in `fault` when the kernel refuses.
 */
static void enter(struct session *s, enum session_state state, uint8_t failed, const char *reason)
{
    static const uint32_t timeouts[SESSION_STATES] = {
        [SESSION_ENDING] = SESSION_ENDING_MS, [SESSION_FAULT] = SESSION_FAULT_MS};
    uint64_t now = s->ops->now(s->user);
    log_info("session: %s -> %s: %s", session_state_name(s->state), session_state_name(state), reason);
    if (s->state == SESSION_UP && state != SESSION_UP) {
        char details[SESSION_TEXT_MAX + 16];
        snprintf(details, sizeof details, "reason=\"%s\"", reason);
        s->ops->audit(s->user, "session.end", details);
        set_text(s->last_end, reason);
    }
    if (s->state != state)
        s->state_since = now;
    s->state = state;
    s->deadline = timeouts[state] ? now + timeouts[state] : 0;
    set_text(s->reason, reason);

    bool obeyed = apply(s, state);
    if (!obeyed && state != SESSION_FAULT) {
        snprintf(s->fault, sizeof s->fault,
                 "The packet filter did not take a change (%s); the LAN is closed until it does.",
                 errno == ENOENT ? "its rules are not loaded" : strerror(errno));
        s->ops->audit(s->user, "fault", s->fault);
        char why[SESSION_TEXT_MAX];
        set_text(why, s->fault);
        enter(s, SESSION_FAULT, failed, why);
        return;
    }
    if (state != SESSION_UP && state != SESSION_RAISING)
        drop_tunnels(s);
    announce(s, failed);
    if (!obeyed)
        s->ops->helpless(s->user);
}

/* ---- raising ---- */

static void raise_tunnel(struct session *s, uint8_t number, const char *reason)
{
    struct session_service *v = &s->services[number];
    if (s->ops->initiate(s->user, number) < 0) {
        session_raise_failed(s, number, "charon does not take commands");
        return;
    }
    v->raising = true;
    v->raise_deadline = s->ops->now(s->user) + SESSION_RAISE_MS;
    if (s->state == SESSION_IDLE)
        enter(s, SESSION_RAISING, 0, reason);
    else
        log_info("session: %s, also raising %s: %s", session_state_name(s->state), v->name, reason);
}

/* It cannot be raised now, but probably in a moment: an old session is ending, or everything is just starting. */
static bool must_wait(const struct session *s)
{
    bool arriving = !s->charon || !s->credentials;
    return s->state == SESSION_ENDING ||
           (arriving && s->state != SESSION_FAULT && s->ops->now(s->user) < s->grace_until);
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
    if (must_wait(s) || v->ending) {
        v->wanted = true; /* a moment only; the question waits */
        return;
    }
    const char *why = session_obstacle(s);
    if (why || s->ops->now(s->user) < v->next_try) {
        if (why)
            set_text(s->fault, why);
        announce(s, (uint8_t)(1u << (number - 1)));
        return;
    }
    char reason[SESSION_TEXT_MAX];
    snprintf(reason, sizeof reason, "%s asked for a name of %s", text, v->name);
    raise_tunnel(s, number, reason);
}

void session_raise_failed(struct session *s, uint8_t number, const char *why)
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

    char text[SESSION_TEXT_MAX], details[2 * SESSION_TEXT_MAX];
    snprintf(text, sizeof text, "The tunnel for %s could not be raised: %s.", v->name, why);
    snprintf(details, sizeof details, "service=%s reason=\"%s\"", v->name, why);
    set_text(s->fault, text);
    s->ops->audit(s->user, "session.failed", details);
    uint8_t bit = (uint8_t)(1u << (number - 1));
    if (s->state == SESSION_RAISING && !any_raising(s))
        enter(s, SESSION_IDLE, bit, text);
    else
        announce(s, bit);
}

/* ---- tunnels come and go ---- */

void session_tunnel_up(struct session *s, const struct kernel_tunnel *tunnel)
{
    struct session_service *v = service_of(s, tunnel->service);
    bool asked = v && (v->up || v->raising) && !v->ending;
    if (!asked || (s->state != SESSION_RAISING && s->state != SESSION_UP)) {
        /* Nobody has asked for it (any more): a tunnel without a session is not kept. */
        take_down(s, tunnel->service);
        return;
    }
    char details[128], reason[SESSION_TEXT_MAX];
    bool fresh = !v->up;
    v->raising = false;
    v->failures = 0;
    v->next_try = 0;
    v->up = true;
    if (fresh)
        v->hollow = (struct hollow){0};
    s->moved = !fresh && !(addr_equal(&v->tunnel.vip4, &tunnel->vip4) && addr_equal(&v->tunnel.vip6, &tunnel->vip6));
    v->tunnel = *tunnel;
    s->fault[0] = 0;
    snprintf(reason, sizeof reason,
             fresh      ? "the tunnel for %s is up"
             : s->moved ? "the tunnel for %s has another address from its hub: connections begin anew"
                        : "the tunnel for %s was renewed",
             v->name);
    if (s->moved)
        s->ops->audit(s->user, "session.moved", reason);
    s->active_at = s->ops->now(s->user);
    s->active_count = s->ops->activity(s->user);
    if (s->state == SESSION_UP)
        log_info("session: up, %s", reason);
    /* The mode is announced only after the kernel has it; the resolver's sockets come before, so that the first query
     * finds them. They are of no use while the kernel is closed. */
    s->ops->tunnel(s->user, tunnel->service, tunnel);
    enter(s, SESSION_UP, 0, reason);
    if (s->state != SESSION_UP || !fresh)
        return;
    snprintf(details, sizeof details, "service=%s client=%s generation=%u", v->name, v->client, s->view.generation);
    s->ops->audit(s->user, "session.start", details);
}

static bool any_ending(const struct session *s)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (s->services[n].ending)
            return true;
    return false;
}

/* Raise what was asked for while it could not be; once time is over, say that it cannot. */
static void raise_wanted(struct session *s)
{
    uint8_t given_up = 0;
    if (must_wait(s))
        return;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        struct session_service *v = &s->services[n];
        if (!v->wanted || v->ending)
            continue;
        v->wanted = false;
        const char *why = session_obstacle(s);
        if (why) {
            set_text(s->fault, why);
            given_up |= (uint8_t)(1u << (n - 1));
        } else if (!v->up && !v->raising) {
            char reason[SESSION_TEXT_MAX];
            snprintf(reason, sizeof reason, "%s had asked for a name of %s", v->client, v->name);
            raise_tunnel(s, n, reason);
        }
    }
    if (given_up)
        announce(s, given_up);
}

/* Go where the machine rests when no tunnel is wanted; if one was asked for in the meantime, raise it. */
static void rest(struct session *s, const char *reason)
{
    enter(s, s->charon ? SESSION_IDLE : SESSION_STARTING, 0, reason);
    raise_wanted(s);
}

void session_tunnel_down(struct session *s, uint8_t number, const char *why)
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
    char reason[SESSION_TEXT_MAX];
    snprintf(reason, sizeof reason, "the tunnel for %s is gone: %s", v->name, why);
    v->up = false;
    take_down(s, number);
    s->ops->tunnel(s->user, number, NULL);
    if (session_services_up(s)) /* the other tunnels' session goes on without this one */
        enter(s, SESSION_UP, 0, reason);
    else
        rest(s, reason);
}

void session_taken_down(struct session *s, uint8_t number)
{
    struct session_service *v = service_of(s, number);
    if (!v || !v->ending)
        return;
    v->ending = 0;
    if (s->state == SESSION_ENDING && !any_ending(s))
        rest(s, "the session is over");
    else
        raise_wanted(s);
}

void session_left_over(struct session *s, uint8_t number)
{
    struct session_service *v = service_of(s, number);
    if (!v || v->up || v->ending)
        return;
    if (v->raising) {
        session_raise_failed(s, number, "the hub has closed it again at once");
        return;
    }
    log_info("session: %s, an IKE_SA of %s stands without a tunnel: it is taken down", session_state_name(s->state),
             v->name);
    take_down(s, number);
}

/* ---- what happens around us ---- */

static void begin_grace(struct session *s)
{
    s->grace_until = s->ops->now(s->user) + SESSION_GRACE_MS;
}

static void charon_away(struct session *s, const char *how, const char *fault)
{
    if (!s->charon)
        return;
    s->charon = false;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        s->services[n].ending = 0;
    begin_grace(s);
    if (s->state == SESSION_FAULT)
        return; /* left only when the kernel obeys */
    set_text(s->fault, fault);
    s->ops->audit(s->user, "fault", how);
    enter(s, SESSION_STARTING, 0, how);
}

void session_charon(struct session *s, bool up)
{
    if (!up) {
        charon_away(s, "charon is gone", "The IPsec service (charon) has stopped; the LAN is closed until it is back.");
        return;
    }
    if (s->charon)
        return;
    s->charon = true;
    if (s->state == SESSION_FAULT)
        return;
    s->fault[0] = 0;
    rest(s, "charon is ready");
}

void session_charon_hangs(struct session *s)
{
    charon_away(s, "charon does not answer: it is ended and started again",
                "The IPsec service (charon) does not answer and is being started again; the LAN is closed meanwhile.");
}

void session_credentials(struct session *s, bool loaded)
{
    if (s->credentials == loaded)
        return;
    s->credentials = loaded;
    if (!loaded)
        begin_grace(s);
    if (loaded)
        s->refused[0] = 0;
    if (loaded && s->state != SESSION_FAULT)
        s->fault[0] = 0;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        s->services[n].next_try = 0;
    s->ops->changed(s->user);
    raise_wanted(s);
}

void session_refused(struct session *s, uint8_t number, const char *key, const char *why)
{
    const struct session_service *v = service_of(s, number);
    char text[SESSION_TEXT_MAX];
    if (!v)
        return;
    snprintf(text, sizeof text, "The VPN program does not take `%s` in the service file of %s (%.80s).",
             key ? key : "[tunnel]", v->name, why);
    if (s->state != SESSION_FAULT)
        set_text(s->fault, text);
    if (!strcmp(text, s->refused))
        return;
    set_text(s->refused, text);
    s->ops->audit(s->user, "fault", text);
    s->ops->changed(s->user);
}

void session_wan(struct session *s, bool up, bool address_changed)
{
    if (up && !s->wan && s->state != SESSION_FAULT && s->charon)
        s->fault[0] = 0;
    if (up && !s->wan)
        for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
            s->services[n].next_try = s->services[n].failures = 0;
    if (up != s->wan)
        log_info("session: %s, the line is %s", session_state_name(s->state), up ? "up" : "down");
    s->wan = up;
    /* Lost for a moment is no reason to end: if the hub is not there any more, charon finds out (DPD). But with another
     * address of ours the tunnel is of no use. */
    if (up && address_changed && (s->state == SESSION_UP || s->state == SESSION_RAISING))
        enter(s, SESSION_ENDING, 0, "the line has a new address");
    s->ops->changed(s->user);
}

bool session_command_start(struct session *s, uint8_t number, char *text, size_t len)
{
    if (number == 0)
        number = s->first;
    struct session_service *v = service_of(s, number);
    const char *why = v ? session_obstacle(s) : "There is no such service in the site file.";
    if (why) {
        snprintf(text, len, "%s", why);
        return false;
    }
    if (v->up || v->raising) {
        snprintf(text, len, "The tunnel for %s is %s.", v->name, v->up ? "up already" : "being raised");
        return true;
    }
    if (v->ending) { /* a moment only */
        v->wanted = true;
        snprintf(v->client, sizeof v->client, "the console");
        snprintf(text, len, "The tunnel for %s is being raised.", v->name);
        return true;
    }
    raise_tunnel(s, number, "asked for by command");
    snprintf(text, len, v->raising ? "The tunnel for %s is being raised." : "The tunnel for %s could not be raised.",
             v->name);
    return v->raising;
}

/* Whatever charon still holds of any service; true: there was something. */
static bool take_down_rest(struct session *s)
{
    bool any = false;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX; n++) {
        if (!s->services[n].known || !s->charon || !s->ops->stands(s->user, n))
            continue;
        any = true;
        take_down(s, n);
    }
    return any;
}

bool session_command_end(struct session *s, char *text, size_t len)
{
    if (s->state != SESSION_UP && s->state != SESSION_RAISING) {
        snprintf(text, len,
                 take_down_rest(s) ? "There is no session; what was left of a tunnel is taken down."
                                   : "There is no session.");
        return true;
    }
    enter(s, SESSION_ENDING, 0, "ended by command");
    snprintf(text, len,
             s->start == CONF_START_ALWAYS
                 ? "The session has ended. The site file says `session = always`: it will be started again."
                 : "The session has ended.");
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
            session_raise_failed(s, n, "the hub did not answer in time");
    }
}

static void tick_always(struct session *s, uint64_t now)
{
    if (s->start != CONF_START_ALWAYS ||
        (s->state != SESSION_IDLE && s->state != SESSION_RAISING && s->state != SESSION_UP))
        return;
    for (uint8_t n = 1; n <= CONF_SERVICES_MAX && !session_obstacle(s); n++) {
        struct session_service *v = &s->services[n];
        if (v->known && !v->up && !v->raising && !v->ending && now >= v->next_try)
            raise_tunnel(s, n, "the site file says always");
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
    } else if (s->start != CONF_START_ALWAYS && now - s->active_at >= s->idle_ms) {
        enter(s, SESSION_ENDING, 0, "nobody has used it for the idle time");
    }
}

void session_tick(struct session *s)
{
    uint64_t now = s->ops->now(s->user);
    tick_raising(s, now);
    raise_wanted(s);
    tick_idle(s, now);
    session_tick_hollow(s, now);
    tick_always(s, now);
    if (!s->deadline || now < s->deadline)
        return;
    if (s->state == SESSION_ENDING) {
        rest(s, "the session is over");
    } else if (s->state == SESSION_FAULT) {
        s->deadline = now + SESSION_FAULT_MS;
        if (apply(s, SESSION_FAULT)) { /* closed first; only a kernel that takes that may go on */
            s->fault[0] = 0;
            rest(s, "the packet filter obeys again");
        }
    }
}

/* ---- setting up ---- */

void session_init(struct session *s, const struct conf *conf, const struct session_ops *ops, void *user)
{
    memset(s, 0, sizeof *s);
    s->ops = ops;
    s->user = user;
    s->outside = conf->site.outside;
    s->start = conf->site.start;
    s->idle_ms = conf->site.idle_s * 1000;
    for (unsigned i = 0; i < conf->service_count; i++) {
        const struct conf_service *c = &conf->services[i];
        if (c->number < 1 || c->number > CONF_SERVICES_MAX)
            continue;
        s->services[c->number].known = true;
        memcpy(s->services[c->number].name, c->name, sizeof c->name);
        s->names_outside = s->names_outside || c->resolver_wan;
        if (!s->first)
            s->first = c->number;
    }
}

void session_begin(struct session *s)
{
    begin_grace(s);
    enter(s, SESSION_STARTING, 0, "gate has started");
}
