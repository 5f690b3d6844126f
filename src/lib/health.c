#include "health.h"
#include "sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* One situation: the condition for it, and the state file's key with the detail. */
struct situation {
    enum cause_code code;
    enum health_file detail_file;
    const char *detail_key; /* NULL: no detail */
    bool detail_is_cause;   /* false: words, such as names of services or networks */
    bool (*holds)(const struct health *h);
};

/* A certificate that expires within this time and is not renewed yet needs a person. */
#define EXPIRY_WARN_S (7 * 24 * 3600)

static const char *const names[HEALTH_FILES] = {"gate", "enroll", "wan", "clock", "audit", "boot"};
static const uint32_t owners[HEALTH_FILES] = {UID_GATE, UID_ENROLL, UID_WAN, UID_CLOCK, UID_AUDIT, 0};

const char *health_name(enum health_file file)
{
    return names[file];
}

void health_probe(struct health *h, const char *root)
{
    static const struct {
        enum health_file file;
        int type;
        const char *name;
    } doors[] = {{HEALTH_GATE, SOCK_SEQPACKET, "gate/ctl.sock"},
                 {HEALTH_ENROLL, SOCK_SEQPACKET, "enroll/ctl.sock"},
                 {HEALTH_AUDIT, SOCK_DGRAM, "audit/sock"}};
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/run/sekisho/%s", root, doors[i].name);
        int sock = socket(AF_UNIX, doors[i].type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        h->dead[doors[i].file] = n > 0 && (size_t)n < sizeof to.sun_path && sock >= 0 &&
                                 connect(sock, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED;
        if (sock >= 0)
            close(sock);
    }
}

void health_read(struct health *h, const char *root)
{
    h->now = (uint64_t)time(NULL);
    for (int i = 0; i < HEALTH_FILES; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/run/sekisho/%s/state", root, names[i]);
        h->has[i] = state_file_read(path, owners[i], h->text[i], sizeof h->text[i]) == 0;
        h->odd[i] = !h->has[i] && errno == EBADMSG;
        h->has[i] = h->has[i] && !h->dead[i];
    }
}

const char *health_get(const struct health *h, enum health_file file, const char *key)
{
    static char value[512];
    value[0] = '\0';
    if (h->has[file])
        (void)state_file_get(h->text[file], key, value, sizeof value);
    return value;
}

bool health_is(const struct health *h, enum health_file file, const char *key, const char *value)
{
    return strcmp(health_get(h, file, key), value) == 0;
}

static bool has(const struct health *h, enum health_file file, const char *key)
{
    return health_get(h, file, key)[0] != '\0';
}

static bool gate_away(const struct health *h)
{
    return !h->has[HEALTH_GATE];
}

static bool gate_fault(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "fault");
}

static bool session_up(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "up");
}

/* Every tunnel of the session is a PC's own, so that the box is not connected to anything. */
static bool open_for_pc(const struct health *h)
{
    return session_up(h) && health_is(h, HEALTH_GATE, "tunnel", "pc");
}

/* Some names of the services that are on are reached on the line. */
static bool session_up_line(const struct health *h)
{
    return session_up(h) && has(h, HEALTH_GATE, "line-names");
}

static bool session_raising(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "raising");
}

static bool raising_internet(const struct health *h)
{
    return session_raising(h) && health_is(h, HEALTH_GATE, "mode", "internet");
}

static bool raising_before(const struct health *h)
{
    return session_raising(h) && health_is(h, HEALTH_GATE, "mode", "before");
}

static bool session_ending(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "ending");
}

/* (Gate names `credentials` only where the box has a tunnel of its own to raise.) */
static bool no_certificate(const struct health *h)
{
    return has(h, HEALTH_GATE, "credentials") && !health_is(h, HEALTH_ENROLL, "phase", "valid") &&
           !health_is(h, HEALTH_ENROLL, "phase", "renewing") && !health_is(h, HEALTH_ENROLL, "loaded", "yes");
}

/* There is a certificate, but charon has not loaded it: for a second after boot or after a restart of charon. */
static bool not_loaded(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "credentials", "no");
}

static bool idle_internet(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "mode", "internet");
}

static bool idle_before(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "mode", "before");
}

static bool always(const struct health *h)
{
    (void)h;
    return true;
}

/* What the box is doing: the first that holds. */
static const struct situation headlines[] = {
    {CAUSE_GATE_AWAY, 0, NULL, false, gate_away},
    {CAUSE_FAULT, HEALTH_GATE, "reason", true, gate_fault},
    {CAUSE_OPEN_FOR_PC, HEALTH_GATE, "pc-tunnel", false, open_for_pc},
    {CAUSE_CONNECTED_LINE, HEALTH_GATE, "service", false, session_up_line},
    {CAUSE_CONNECTED, HEALTH_GATE, "service", false, session_up},
    {CAUSE_CONNECTING_INTERNET, HEALTH_GATE, "service", false, raising_internet},
    {CAUSE_CONNECTING_BEFORE, HEALTH_GATE, "service", false, raising_before},
    {CAUSE_CONNECTING, HEALTH_GATE, "service", false, session_raising},
    {CAUSE_ENDING, HEALTH_GATE, "service", false, session_ending},
    {CAUSE_ENROLLING, 0, NULL, false, no_certificate},
    {CAUSE_LOADING, 0, NULL, false, not_loaded},
    {CAUSE_READY_INTERNET, 0, NULL, false, idle_internet},
    {CAUSE_READY_BEFORE, 0, NULL, false, idle_before},
    {CAUSE_READY_CLOSED, 0, NULL, false, always},
};

static bool state_odd(const struct health *h)
{
    for (int i = 0; i < HEALTH_FILES; i++)
        if (h->odd[i])
            return true;
    return false;
}

static bool wan_says(const struct health *h)
{
    return has(h, HEALTH_WAN, "cause");
}

static bool wan_down(const struct health *h)
{
    return !health_is(h, HEALTH_WAN, "link", "up") && !wan_says(h);
}

static bool clock_unsure(const struct health *h)
{
    return !health_is(h, HEALTH_CLOCK, "trusted", "yes");
}

/* clock has rejected the time it got. */
static bool clock_says(const struct health *h)
{
    return has(h, HEALTH_CLOCK, "cause");
}

/* The time is unconfirmed, and clock gives no cause. */
static bool clock_waits(const struct health *h)
{
    return clock_unsure(h) && !clock_says(h);
}

static bool enroll_away(const struct health *h)
{
    return !h->has[HEALTH_ENROLL];
}

static bool cert_alarm(const struct health *h)
{
    return health_is(h, HEALTH_ENROLL, "phase", "alarm");
}

static bool cert_fault(const struct health *h)
{
    return !cert_alarm(h) && has(h, HEALTH_ENROLL, "cause");
}

/* A problem only without a valid certificate: a renewal may be retried for the last third of the lifetime. */
static bool cert_fault_without(const struct health *h)
{
    return cert_fault(h) && !health_is(h, HEALTH_ENROLL, "phase", "valid");
}

static bool cert_fault_retry(const struct health *h)
{
    return cert_fault(h) && !cert_fault_without(h);
}

static uint64_t not_after(const struct health *h)
{
    return strtoull(health_get(h, HEALTH_ENROLL, "not-after"), NULL, 10);
}

static bool cert_over(const struct health *h)
{
    return not_after(h) != 0 && not_after(h) <= h->now && !clock_unsure(h);
}

static bool cert_ends_soon(const struct health *h)
{
    uint64_t end = not_after(h), renew = strtoull(health_get(h, HEALTH_ENROLL, "renew-at"), NULL, 10);
    /* A short-lived certificate always expires "soon", so its renewal must be overdue as well. */
    return end > h->now && end - h->now < EXPIRY_WARN_S && renew != 0 && renew + 3600 < h->now && !clock_unsure(h);
}

static bool gate_says(const struct health *h)
{
    return has(h, HEALTH_GATE, "cause");
}

static bool answer_refused(const struct health *h)
{
    return has(h, HEALTH_GATE, "refused");
}

static bool unasked(const struct health *h)
{
    return has(h, HEALTH_GATE, "unasked");
}

static bool no_pfs(const struct health *h)
{
    return has(h, HEALTH_GATE, "no-pfs");
}

static bool hollow(const struct health *h)
{
    return has(h, HEALTH_GATE, "hollow");
}

static bool connections_full(const struct health *h)
{
    return has(h, HEALTH_GATE, "crowded");
}

static bool not_carried(const struct health *h)
{
    return has(h, HEALTH_GATE, "not-carried");
}

static bool charon_down(const struct health *h)
{
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "charon", "down");
}

static bool names_down(const struct health *h)
{
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "names", "down");
}

static bool sni_down(const struct health *h)
{
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "hello", "down");
}

static bool audit_away(const struct health *h)
{
    return !h->has[HEALTH_AUDIT];
}

static bool audit_says(const struct health *h)
{
    return has(h, HEALTH_AUDIT, "cause");
}

static bool boot_says(const struct health *h)
{
    return has(h, HEALTH_BOOT, "cause");
}

/* The problems, ordered so that a cause stands before its consequences. */
static const struct situation problems[] = {
    {CAUSE_BOOT_SAYS, HEALTH_BOOT, "cause", true, boot_says},
    {CAUSE_STATE_ODD, 0, NULL, false, state_odd},
    {CAUSE_WAN_SAYS, HEALTH_WAN, "cause", true, wan_says},
    {CAUSE_WAN_DOWN, 0, NULL, false, wan_down},
    {CAUSE_CLOCK_UNSURE, 0, NULL, false, clock_waits},
    {CAUSE_CLOCK_SAYS, HEALTH_CLOCK, "cause", true, clock_says},
    {CAUSE_ENROLL_AWAY, 0, NULL, false, enroll_away},
    {CAUSE_CERT_ALARM, HEALTH_ENROLL, "cause", true, cert_alarm},
    {CAUSE_CERT_NONE, HEALTH_ENROLL, "cause", true, cert_fault_without},
    {CAUSE_CERT_RETRY, HEALTH_ENROLL, "cause", true, cert_fault_retry},
    {CAUSE_CERT_OVER, 0, NULL, false, cert_over},
    {CAUSE_CERT_ENDS_SOON, 0, NULL, false, cert_ends_soon},
    {CAUSE_CHARON_DOWN, 0, NULL, false, charon_down},
    {CAUSE_NAMES_DOWN, 0, NULL, false, names_down},
    {CAUSE_HELLO_DOWN, 0, NULL, false, sni_down},
    {CAUSE_GATE_SAYS, HEALTH_GATE, "cause", true, gate_says},
    {CAUSE_UNASKED, HEALTH_GATE, "unasked", false, unasked},
    {CAUSE_ANSWER_REFUSED, HEALTH_GATE, "refused", true, answer_refused},
    {CAUSE_NOT_CARRIED, HEALTH_GATE, "not-carried", false, not_carried},
    {CAUSE_NO_PFS, HEALTH_GATE, "no-pfs", false, no_pfs},
    {CAUSE_HOLLOW, HEALTH_GATE, "hollow", false, hollow},
    {CAUSE_CONNECTIONS_FULL, HEALTH_GATE, "crowded", true, connections_full},
    {CAUSE_AUDIT_AWAY, 0, NULL, false, audit_away},
    {CAUSE_AUDIT_SAYS, HEALTH_AUDIT, "cause", true, audit_says},
};

/* ---- the detail ---- */

bool health_cause(const char *line, struct cause *out)
{
    if (!*line)
        cause_set(out, CAUSE_NONE, NULL);
    else if (!cause_parse(line, out)) /* from a newer version, or from a compromised program */
        cause_set(out, CAUSE_UNKNOWN, NULL);
    return out->code != CAUSE_NONE;
}

static void fill(struct health_problem *p, const struct situation *s, const char *detail)
{
    *p = (struct health_problem){.code = s->code};
    if (s->detail_is_cause)
        (void)health_cause(detail, &p->detail);
    else
        (void)snprintf(p->words, sizeof p->words, "%s", detail);
}

void health_headline(const struct health *h, struct health_problem *out)
{
    const struct situation *s = headlines;
    while (!s->holds(h))
        s++; /* the last one always holds */
    fill(out, s, s->detail_key ? health_get(h, s->detail_file, s->detail_key) : "");
}

/* One problem for each line with that key; one without detail if there is no such line. */
static size_t fill_all(const struct health *h, const struct situation *s, struct health_problem *out, size_t max)
{
    char value[512];
    size_t n = 0;
    const char *at = s->detail_key && h->has[s->detail_file] ? h->text[s->detail_file] : "";
    while (n < max && state_file_next(&at, s->detail_key, value, sizeof value))
        fill(&out[n++], s, value);
    if (n == 0 && max > 0)
        fill(&out[n++], s, "");
    return n;
}

size_t health_problems(const struct health *h, struct health_problem *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof problems / sizeof problems[0] && n < max; i++)
        if (problems[i].holds(h))
            n += fill_all(h, &problems[i], out + n, max - n);
    return n;
}

bool health_trouble(const struct health_problem *p)
{
    return cause_person(CAUSE_OF(p->code));
}
