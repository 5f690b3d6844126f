#include "charon.h"
#include "connection.h"
#include "log.h"

#include <errno.h>
#include <string.h>

/* Built one at a time and copied by vici_request. */
static struct vici_buf message;

static void lost(struct charon *c, bool hangs);

static struct charon_service *by_name(struct charon *c, const char *name)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (c->services[n].conf && !strcmp(c->services[n].conf->name, name))
            return &c->services[n];
    return NULL;
}

static void watch(struct charon *c)
{
    if (c->vici)
        uev_io_set(&c->io, vici_fd(c->vici), UEV_READ | (vici_wants_write(c->vici) ? UEV_WRITE : 0));
}

/* ---- what is up ---- */

static void compare_child(struct charon_service *v)
{
    struct charon *c = v->charon;
    uint8_t number = v->conf->number;
    const struct ike_sa *old = &v->sa, *new = &v->listed;
    bool same = old->child && addr_equal(&old->vip4, &new->vip4) && addr_equal(&old->vip6, &new->vip6) &&
                addr_equal(&old->hub, &new->hub);
    /* The first CHILD_SA of an IKE_SA uses its key exchange; a later one has its own, unless the hub refuses PFS. */
    bool renewed = old->child && old->ike == new->ike && old->child != new->child;
    v->sa = v->listed;
    if (renewed)
        session_new_keys(c->session, number, v->sa.exchanged);
    if (!same) {
        struct firewall_tunnel t = {number, v->sa.vip4, v->sa.vip6, v->sa.hub, false};
        session_tunnel_up(c->session, &t);
    }
}

/* Why what is listed is no tunnel that can be used; CAUSE_NONE: it is one. */
static enum cause_code unfit(const struct charon_service *v)
{
    const struct charon *c = v->charon;
    const struct ike_sa *sa = &v->listed;
    if (!sa->child)
        return CAUSE_HUB_CLOSED;
    if (!sa->vip4.family && !sa->vip6.family)
        return CAUSE_HUB_GAVE_NO_ADDRESS;
    if (!ike_sa_vip_fits(sa, &c->lan))
        return CAUSE_HUB_GAVE_WRONG_ADDRESS;
    return c->guard ? c->guard(c->guard_user, v->conf->number, sa) : CAUSE_NONE;
}

/* Compare the list with the session's state. */
static void compare(struct charon_service *v)
{
    struct charon *c = v->charon;
    uint8_t number = v->conf->number;
    bool was = v->sa.child != 0;
    v->has_ike_sa = v->listed_ike_sa;
    enum cause_code why = unfit(v);
    if (why == CAUSE_NONE) {
        compare_child(v);
        return;
    }
    v->sa = (struct ike_sa){0};
    if (was || v->listed.child)
        session_tunnel_down(c->session, number, CAUSE_OF(why));
    if (v->has_ike_sa && !v->control)
        session_left_over(c->session, number);
}

static void forget_listed(struct charon *c)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        memset(&c->services[n].listed, 0, sizeof c->services[n].listed);
        c->services[n].listed_ike_sa = false;
        c->services[n].carried = (struct blackhole_counts){0};
    }
}

/* A list without an event does not decide what is up: during a replacement it may contain neither CHILD_SA. */
static void count(struct charon_service *v)
{
    v->carried.child = v->listed.child;
    if (v->sa.child && v->listed.child)
        session_carried(v->charon->session, v->conf->number, &v->carried);
}

static void list_done(void *user, const uint8_t *data, size_t len)
{
    struct charon *c = user;
    (void)len;
    bool counting = c->counting;
    c->listing = c->counting = false;
    if (!data)
        return;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (c->services[n].conf && !c->list_again)
            (counting ? count : compare)(&c->services[n]);
    if (c->list_again) {
        c->list_again = false;
        forget_listed(c);
        c->listing = vici_request(c->vici, "list-sas", NULL, list_done, c) == 0;
    }
}

static void list(struct charon *c)
{
    if (c->listing) {
        c->list_again = true; /* the list in progress may be older than the event */
        return;
    }
    forget_listed(c);
    c->listing = c->vici && vici_request(c->vici, "list-sas", NULL, list_done, c) == 0;
}

static void on_event(void *user, const char *event, const uint8_t *data, size_t len)
{
    struct charon *c = user;
    struct ike_sa sa;
    if (!strcmp(event, "list-sa")) {
        struct charon_service *v = ike_sa_read(data, len, &sa) ? by_name(c, sa.name) : NULL;
        if (v && sa.established && sa.child > v->listed.child)
            v->listed = sa;
        if (v && !sa.going)
            v->listed_ike_sa = true;
        if (v) {
            v->carried.in += sa.in;
            v->carried.out += sa.out;
            v->carried.busy = v->carried.busy || sa.busy;
        }
        return;
    }
    if (c->clean)
        list(c);
}

/* ---- loading connections ---- */

/* False: *why is charon's error text; "" if there is none, or the connection was lost. */
static bool succeeded(const uint8_t *data, size_t len, char *why, size_t why_len)
{
    char text[8] = "";
    why[0] = 0;
    if (!data)
        return false;
    if (vici_get(data, len, "success", text, sizeof text) && !strcmp(text, "yes"))
        return true;
    (void)vici_get(data, len, "errmsg", why, why_len);
    return false;
}

/* Translate charon's key in an error to that of the service file, which people know. */
static const char *key_of(const char *why)
{
    static const struct {
        const char *charon, *key;
    } keys[] = {{"for: proposals", "ike-proposal"},
                {"for: esp_proposals", "esp-proposal"},
                {"for: remote_addrs", "hub"},
                {"for: remote_ts", "remote"},
                {"for: id", "hub-id"}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strstr(why, keys[i].charon))
            return keys[i].key;
    return NULL;
}

static void load_done(void *user, const uint8_t *data, size_t len)
{
    struct charon_service *v = user;
    struct charon *c = v->charon;
    char why[160];
    if (!succeeded(data, len, why, sizeof why)) {
        log_error("charon does not take the connection %s: %s", v->conf->name, why);
        c->refused = true;
        if (data)
            session_refused(c->session, v->conf->number, key_of(why), why);
    }
    if (--c->waiting > 0 || !data)
        return;
    c->loaded = !c->refused;
    c->load_at = c->refused ? c->session->ops->now(c->session->user) + CHARON_RETRY_MS : 0;
    session_credentials(c->session, c->loaded && c->credentials);
}

static void load(struct charon *c)
{
    c->loaded = false;
    c->refused = false;
    c->load_at = 0;
    session_credentials(c->session, false);
    if (!c->vici || !c->clean || !c->own.identity[0])
        return;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        if (!c->services[n].conf)
            continue;
        connection_build(&message, c->services[n].conf, &c->own);
        if (vici_request(c->vici, "load-conn", &message, load_done, &c->services[n]) == 0)
            c->waiting++;
        else
            c->refused = true;
    }
    if (c->waiting == 0 && !c->refused) { /* all services' tunnels are the PCs' own */
        c->loaded = true;
        session_credentials(c->session, c->credentials);
    }
    watch(c);
}

void charon_identity(struct charon *c, const struct state_watch_certificate *own)
{
    bool other = strcmp(own->identity, c->own.identity) != 0 ||
                 (strlen(own->identity) > CONNECTION_ID_DIGITS_MAX && strcmp(own->pem, c->own.pem) != 0);
    c->own = *own;
    bool news = own->loaded != c->credentials;
    c->credentials = own->loaded;
    if (other)
        load(c);
    else if (news)
        session_credentials(c->session, c->loaded && c->credentials);
}

/* ---- connecting ---- */

static void ready(struct charon *c)
{
    c->clean = true;
    log_info("charon is there");
    session_charon(c->session, true);
    load(c);
}

/* Terminate the tunnels of an earlier gate: gate starts closed, and the next query brings one up again. */
static void cleaned(void *user, const uint8_t *data, size_t len)
{
    struct charon *c = user;
    (void)len;
    if (--c->waiting == 0 && data)
        ready(c);
}

static int request_termination(struct charon *c, const char *name, vici_reply_fn *fn, void *user)
{
    vici_begin(&message);
    vici_kvf(&message, "ike", "%s", name);
    vici_kvf(&message, "force", "yes");
    vici_kvf(&message, "timeout", "2000");
    return vici_request(c->vici, "terminate", &message, fn, user);
}

static void on_io(uev_t *w, void *arg, int events)
{
    struct charon *c = arg;
    (void)w;
    if (events & UEV_READ)
        liveness_heard(&c->liveness);
    if (vici_process(c->vici) < 0)
        lost(c, false);
    else
        watch(c);
}

static void connect_charon(struct charon *c)
{
    static const char *const events[] = {"list-sa", "child-updown", "child-rekey", "ike-updown", "ike-rekey"};
    c->vici = vici_open(c->socket, on_event, c);
    if (!c->vici)
        return;
    liveness_heard(&c->liveness);
    c->waiting = 0;
    c->clean = c->loaded = c->listing = c->list_again = c->counting = false;
    uev_io_init(c->loop, &c->io, on_io, c, vici_fd(c->vici), UEV_READ);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        vici_register(c->vici, events[i]);
    bool nothing = true; /* all services' tunnels are the PCs' own */
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        if (!c->services[n].conf)
            continue;
        nothing = false;
        if (request_termination(c, c->services[n].conf->name, cleaned, c) == 0)
            c->waiting++;
    }
    if (nothing)
        ready(c);
    watch(c);
}

static void close_control(struct charon_service *v)
{
    if (!v->control)
        return;
    struct vici *control = v->control;
    uev_io_stop(&v->control_io);
    v->control = NULL;
    v->finished = true; /* ignore its reply */
    vici_close(control);
}

static void lost(struct charon *c, bool hangs)
{
    log_warn(hangs ? "charon does not answer" : "charon has gone");
    struct vici *vici = c->vici;
    uev_io_stop(&c->io);
    c->vici = NULL;
    c->clean = c->loaded = c->listing = c->counting = false;
    /* Close first; the rest is housekeeping. */
    if (hangs)
        session_charon_hangs(c->session);
    else
        session_charon(c->session, false);
    session_credentials(c->session, false);
    vici_close(vici);
    c->waiting = 0;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        close_control(&c->services[n]);
        memset(&c->services[n].sa, 0, sizeof c->services[n].sa);
        c->services[n].has_ike_sa = false;
    }
}

/* A request was sent that may take long. */
static bool busy(const struct charon *c)
{
    bool attempt = false;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        attempt = attempt || c->services[n].control;
    return attempt || (c->listing && !c->counting) || c->waiting > 0;
}

/* During an attempt charon may lock the IKE_SA for long (resolving the hub's name), and the list would wait for it. */
static void look_what_is_carried(struct charon *c)
{
    bool up = false;
    if (++c->ticks < BLACKHOLE_CHECK_TICKS || !c->clean || busy(c) || c->listing)
        return;
    c->ticks = 0;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        up = up || c->services[n].sa.child;
    if (!up)
        return;
    list(c);
    c->counting = c->listing;
    watch(c);
}

/* An IKE daemon that hangs keeps its sockets open: only an answer shows that it is alive. */
static void feel_pulse(struct charon *c)
{
    switch (liveness_tick(&c->liveness, CHARON_ASK_TICKS, busy(c) ? CHARON_HANGS_BUSY_TICKS : CHARON_HANGS_TICKS)) {
    case LIVENESS_FINE: break;
    case LIVENESS_ASK: /* (not needed if too many requests are open already) */
        if (vici_request(c->vici, "version", NULL, NULL, NULL) == 0)
            watch(c);
        break;
    case LIVENESS_HANGS:
        lost(c, true);
        if (c->hangs)
            c->hangs(c->user);
        break;
    }
}

void charon_tick(struct charon *c)
{
    if (c->vici)
        feel_pulse(c);
    else
        connect_charon(c);
    if (c->vici)
        look_what_is_carried(c);
    if (c->load_at && c->session->ops->now(c->session->user) >= c->load_at)
        load(c);
}

void charon_init(struct charon *c, uev_ctx_t *loop, const struct conf *conf, struct session *session)
{
    memset(c, 0, sizeof *c);
    c->loop = loop;
    c->session = session;
    c->lan = conf->site.lan_address;
    c->socket = VICI_SOCKET;
    for (unsigned i = 0; i < conf->service_count; i++) {
        unsigned n = conf->services[i].number;
        if (conf->services[i].by_pc)
            continue; /* charon has no part in it */
        c->services[n].charon = c;
        c->services[n].conf = &conf->services[i];
        c->services[n].needed_count = conf_registry(&conf->services[i], c->services[n].needed);
    }
}

/* ---- initiate and terminate ---- */

/* Texts in charon's log, and their causes. */
static const struct {
    const char *log;
    enum cause_code meaning;
} meanings[] = {
    {"AUTHENTICATION_FAILED", CAUSE_HUB_REFUSES_CERT},
    /* In IKE_SA_INIT a hub also sends it when none of its connections matches; later it concerns ESP only. */
    {"NO_PROPOSAL_CHOSEN notify, no CHILD_SA", CAUSE_HUB_REFUSES_ESP},
    {"NO_PROPOSAL_CHOSEN", CAUSE_HUB_REFUSES_IKE},
    {"TEMPORARY_FAILURE", CAUSE_HUB_BUSY},
    {"invalid traffic selectors", CAUSE_HUB_OTHER_NETWORKS},
    {"signature validation failed", CAUSE_HUB_BAD_SIGNATURE},
    {"TS_UNACCEPTABLE", CAUSE_HUB_REFUSES_NETWORKS},
    {"INTERNAL_ADDRESS_FAILURE", CAUSE_HUB_NO_ADDRESS},
    {"certificate invalid (valid", CAUSE_CERT_NOT_NOW},
    {"was revoked", CAUSE_HUB_CERT_REVOKED},
    {"is not trusted", CAUSE_HUB_CERT_STRANGE},
    {"no issuer certificate found", CAUSE_HUB_CERT_STRANGE},
    {"no trusted", CAUSE_HUB_CERT_UNTRUSTED},
    {"constraint check failed", CAUSE_HUB_OTHER_NAME},
    {"no private key found", CAUSE_KEY_NOT_LOADED},
    {"unable to resolve", CAUSE_HUB_UNRESOLVED},
    {"giving up after", CAUSE_HUB_SILENT},
    {"Network is unreachable", CAUSE_HUB_NO_ROUTE},
};

enum cause_code charon_meaning(const char *line)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (strstr(line, meanings[i].log))
            return meanings[i].meaning;
    return CAUSE_NONE;
}

static void on_control_event(void *user, const char *event, const uint8_t *data, size_t len)
{
    struct charon_service *v = user;
    char line[512];
    if (strcmp(event, "control-log") != 0 || !vici_get(data, len, "msg", line, sizeof line))
        return;
    if (!v->why) /* keep the first: later ones are consequences */
        v->why = charon_meaning(line);
}

static void initiated(void *user, const uint8_t *data, size_t len)
{
    struct charon_service *v = user;
    char words[CAUSE_SHORT_MAX];
    if (v->finished)
        return;
    v->finished = true;
    if (succeeded(data, len, words, sizeof words)) {
        if (v->charon->clean)
            list(v->charon);
        return;
    }
    struct cause why;
    if (v->why)
        cause_set(&why, v->why, NULL);
    else if (!data)
        cause_set(&why, CAUSE_CHARON_GONE, NULL);
    else if (!words[0])
        cause_set(&why, CAUSE_VPN_SILENT, NULL);
    else
        cause_set(&why, CAUSE_WORDS, words, NULL);
    if (v->charon->session->services[v->conf->number].raising)
        session_raise_failed(v->charon->session, v->conf->number, &why);
}

static void on_control_io(uev_t *w, void *arg, int events)
{
    struct charon_service *v = arg;
    (void)w;
    if (events & UEV_READ)
        liveness_heard(&v->charon->liveness);
    int result = vici_process(v->control);
    if (result < 0 && !v->finished)
        initiated(v, NULL, 0);
    if (result < 0 || v->finished)
        close_control(v);
    else
        uev_io_set(&v->control_io, vici_fd(v->control), UEV_READ | (vici_wants_write(v->control) ? UEV_WRITE : 0));
    if (v->charon->vici)
        watch(v->charon);
}

int charon_initiate(struct charon *c, uint8_t service)
{
    struct charon_service *v = &c->services[service];
    if (!v->conf || !c->clean || !c->loaded)
        return -1;
    close_control(v);
    v->control = vici_open(c->socket, on_control_event, v);
    if (!v->control)
        return -1;
    v->finished = false;
    v->why = CAUSE_NONE;
    uev_io_init(c->loop, &v->control_io, on_control_io, v, vici_fd(v->control), UEV_READ | UEV_WRITE);
    vici_register(v->control, "control-log");
    vici_begin(&message);
    vici_kvf(&message, "ike", "%s", v->conf->name);
    vici_kvf(&message, "child", "%s", v->conf->name);
    vici_kvf(&message, "timeout", "%d", CHARON_INITIATE_MS);
    vici_kvf(&message, "init-limits", "no");
    if (vici_request(v->control, "initiate", &message, initiated, v) == 0)
        return 0;
    close_control(v);
    return -1;
}

static void terminated(void *user, const uint8_t *data, size_t len)
{
    struct charon_service *v = user;
    (void)len;
    if (!data)
        return; /* charon has exited: there are no tunnels */
    v->has_ike_sa = false;
    session_taken_down(v->charon->session, v->conf->number);
}

void charon_terminate(struct charon *c, uint8_t service)
{
    struct charon_service *v = &c->services[service];
    if (!v->conf || !c->vici)
        return;
    memset(&v->sa, 0, sizeof v->sa); /* a tunnel being terminated counts as down */
    if (request_termination(c, v->conf->name, terminated, v) < 0)
        log_error("charon cannot be asked to take down %s: %s", v->conf->name, strerror(errno));
    watch(c);
}

bool charon_has_ike_sa(const struct charon *c, uint8_t service)
{
    return c->services[service].conf && c->services[service].has_ike_sa;
}

unsigned charon_remote(const struct charon *c, uint8_t service, const struct prefix **out)
{
    if (service < 1 || service > CONF_SERVICES_MAX || !c->services[service].sa.child)
        return 0;
    *out = c->services[service].sa.remote;
    return c->services[service].sa.remote_count;
}

unsigned charon_left_out(const struct charon *c, uint8_t service, const struct prefix *out[CONF_PREFIXES_MAX])
{
    const struct charon_service *v = &c->services[service];
    unsigned count = 0;
    for (unsigned i = 0; v->conf && v->sa.child && i < v->needed_count; i++) {
        const struct prefix *asked = &v->needed[i];
        bool carried = asked->addr.family != AF_INET;
        for (unsigned k = 0; k < v->sa.remote_count && !carried; k++)
            carried = v->sa.remote[k].len <= asked->len && prefix_contains(&v->sa.remote[k], &asked->addr);
        if (!carried)
            out[count++] = asked;
    }
    return count;
}
