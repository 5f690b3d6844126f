/*
 * clock: sets the system clock by NTP and publishes whether it can be trusted. Started by Finit as root; splits into
 * clock itself (user clock, CAP_SYS_TIME: decides which time to trust, saves the floor for the next start, writes the
 * state file) and the network part (user ntp: queries the servers), then both drop root. If one exits, so does the
 * other.
 *
 *   clock [-d PREFIX]     PREFIX is prepended to every path (tests)
 */
#include "ask.h"
#include "audit.h"
#include "clock.h"
#include "ipc.h"
#include "judge.h"
#include "log.h"
#include "state_file.h"
#include "sandbox.h"
#include "say.h"
#include "hang_guard.h"
#include "zone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define YEARS_AHEAD_S (10LL * 366 * 86400) /* without a certificate: a leap beyond this needs confirmation */
#define ROUND_MAX_S 60 /* a longer round means that the network part hangs */
#define FIRST_WAIT_S 2 /* until the next round; doubled, up to … */
#define UNSURE_WAIT_S 10
#define SURE_WAIT_S 512
#define STEP_NS (CLOCK_SECOND_NS / 2) /* smaller differences are slewed, larger ones stepped */
#define LARGE_S 10   /* such a difference from a trusted clock must be seen … */
#define LARGE_SEEN 3 /* … in so many rounds before the clock is stepped */
#define SAVE_EVERY_S 600
#define SAVE_JUMP_S 86400 /* a time further ahead than this of the expected one is saved only after it was … */
#define SAVE_HELD_S 3600  /* … trusted for so long */

static const char *const calls[] = {"openat",       "rename",        "renameat",      "renameat2",
                                    "unlink",       "unlinkat",      "clock_settime", "adjtimex",
                                    "settimeofday", "clock_adjtime", "fdatasync",     "ftruncate",
                                    "socket",       "connect",       "setsockopt",    NULL};

static struct clock {
    char state[PATH_MAX], wan[PATH_MAX], enroll[PATH_MAX], run[PATH_MAX];
    struct conf_site site;
    int net, saved_fd; /* saved_fd -1: there is no state partition */
    int64_t built_s, floor_s, started_ns;
    bool trusted, certificate;
    enum judge_verdict verdict;
    int64_t trusted_ns, saved_ns; /* mono */
    struct msg_time_ask asked;
    struct judge_answer answers[CONF_ADDRS_MAX];
    unsigned outstanding, wait_s, large;
    int64_t ask_ns, asked_ns;
    char source[200];
    struct cause fault;
} clk;

static void set_clock(int64_t when_ns)
{
    struct timespec t = {when_ns / CLOCK_SECOND_NS, when_ns % CLOCK_SECOND_NS};
    if (clock_settime(CLOCK_REALTIME, &t) < 0)
        log_fatal("the clock cannot be set: %s", strerror(errno));
}

static void say(void)
{
    say_state(clk.trusted, clk.source, &clk.fault, clk.state);
}

/* ---- facts from other programs' state files ---- */

static void take_words(char *list, unsigned max, unsigned *count, bool (*take)(unsigned at, const char *word))
{
    char *rest = NULL;
    for (char *word = strtok_r(list, " ", &rest); word && *count < max; word = strtok_r(NULL, " ", &rest))
        *count += take(*count, word);
}

static bool take_resolver(unsigned at, const char *word)
{
    return conf_parse_addr(word, &clk.asked.resolvers[at]);
}

/* A time server from the lease must be an address. */
static bool take_server(unsigned at, const char *word)
{
    struct addr a;
    if (!conf_parse_addr(word, &a))
        return false;
    (void)snprintf(clk.asked.servers[at], sizeof clk.asked.servers[at], "%s", word);
    return true;
}

/* Find the servers to query. False: the uplink is down, or there are none. */
static bool know_servers(void)
{
    static char text[STATE_FILE_MAX];
    char value[256];
    uint32_t round = clk.asked.round;
    unsigned count = 0;
    if (state_file_read(clk.wan, UID_WAN, text, sizeof text) < 0 ||
        !state_file_get(text, "link", value, sizeof value) || strcmp(value, "up") != 0)
        return false;
    clk.asked = (struct msg_time_ask){.round = round + 1};
    if (state_file_get(text, "dns", value, sizeof value))
        take_words(value, CONF_ADDRS_MAX, &count, take_resolver);
    clk.asked.resolver_count = (uint8_t)count;
    count = clk.site.ntp_count;
    for (unsigned i = 0; i < count; i++)
        memcpy(clk.asked.servers[i], clk.site.ntp[i], sizeof clk.asked.servers[i]);
    if (count == 0 && state_file_get(text, "ntp", value, sizeof value))
        take_words(value, CONF_ADDRS_MAX, &count, take_server);
    clk.asked.server_count = (uint8_t)count;
    if (count > 0)
        return true;
    if (!clk.trusted)
        cause_set(&clk.fault, CAUSE_TIME_NO_SERVER, NULL);
    return false;
}

static int64_t number_of(const char *text, const char *key)
{
    char value[24];
    return state_file_get(text, key, value, sizeof value) ? strtoll(value, NULL, 10) : 0;
}

static void know_facts(struct judge_facts *f)
{
    static char text[STATE_FILE_MAX];
    *f = (struct judge_facts){.mono_ns = clock_boottime_ns(), .floor_s = clk.floor_s};
    f->reference_s = clk.trusted ? clock_realtime_ns() / CLOCK_SECOND_NS
                                 : clk.floor_s + (f->mono_ns - clk.started_ns) / CLOCK_SECOND_NS;
    f->end_s = clk.built_s + YEARS_AHEAD_S;
    clk.certificate = false;
    if (state_file_read(clk.enroll, UID_ENROLL, text, sizeof text) < 0)
        return;
    int64_t end = number_of(text, "not-after"), when = number_of(text, "server-time");
    clk.certificate = end > 0;
    if (end > 0)
        f->end_s = end;
    f->opinion = when > 0 && when < f->end_s + YEARS_AHEAD_S;
    if (f->opinion)
        f->opinion_base_ns = (when - number_of(text, "server-time-at")) * CLOCK_SECOND_NS;
}

/* ---- the floor for the next start ---- */

/* Written in place, through a descriptor opened at the start: the sandbox can change nothing else. */
static void save(int64_t now)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%-20lld\n", (long long)(clock_realtime_ns() / CLOCK_SECOND_NS));
    if (clk.saved_fd < 0)
        return;
    if (pwrite(clk.saved_fd, text, 21, 0) != 21 || fdatasync(clk.saved_fd) < 0)
        log_warn("the time cannot be saved: %s", strerror(errno));
    clk.saved_ns = now;
}

static void save_when_due(int64_t now)
{
    int64_t should_be = clk.floor_s + (now - clk.started_ns) / CLOCK_SECOND_NS;
    bool expected = clock_realtime_ns() / CLOCK_SECOND_NS <= should_be + SAVE_JUMP_S;
    bool held = now - clk.trusted_ns >= SAVE_HELD_S * CLOCK_SECOND_NS;
    if (!clk.trusted || clk.verdict == JUDGE_AGREED ||
        (clk.saved_ns && now - clk.saved_ns < SAVE_EVERY_S * CLOCK_SECOND_NS))
        return;
    if (expected || held || clk.verdict == JUDGE_CONFIRMED)
        save(now);
}

/* ---- rounds ---- */

static void next_round(bool changed)
{
    unsigned most = clk.trusted ? SURE_WAIT_S : UNSURE_WAIT_S;
    clk.wait_s = changed || clk.wait_s == 0 ? FIRST_WAIT_S : clk.wait_s * 2;
    if (clk.wait_s > most)
        clk.wait_s = most;
    clk.ask_ns = clock_boottime_ns() + clk.wait_s * CLOCK_SECOND_NS;
}

static void begin_round(void)
{
    if (!know_servers()) {
        say();
        clk.ask_ns = clock_boottime_ns() + CLOCK_SECOND_NS;
        return;
    }
    memset(clk.answers, 0, sizeof clk.answers);
    if (ipc_send(clk.net, MSG_TIME_ASK, &clk.asked, -1) != IPC_OK)
        log_fatal("the network part does not take a question");
    clk.outstanding = clk.asked.server_count;
    clk.asked_ns = clock_boottime_ns();
}

/* Set the clock by the result. False: not set (yet). */
static bool set_by(const struct judge_result *result)
{
    int64_t off = result->base_ns + clock_boottime_ns() - clock_realtime_ns();
    if (clk.trusted && llabs(off) > LARGE_S * CLOCK_SECOND_NS && ++clk.large < LARGE_SEEN)
        return false;
    clk.large = 0;
    if (llabs(off) > STEP_NS) {
        if (clk.trusted)
            audit_event("clock.step", "seconds=%lld %s", (long long)(off / CLOCK_SECOND_NS), clk.source);
        set_clock(result->base_ns + clock_boottime_ns());
        return true;
    }
    struct timeval slow = {.tv_sec = off < 0 && off % CLOCK_SECOND_NS ? -1 : 0};
    slow.tv_usec = (suseconds_t)((off - slow.tv_sec * CLOCK_SECOND_NS) / 1000);
    if (adjtime(&slow, NULL) < 0)
        log_warn("the clock cannot be turned: %s", strerror(errno));
    return true;
}

static void end_round(void)
{
    struct judge_facts facts;
    struct cause before = clk.fault;
    char line[CAUSE_LINE_MAX];
    know_facts(&facts);
    struct judge_result result = judge(clk.answers, &facts);
    if (result.verdict == JUDGE_NONE) {
        next_round(false); /* a clock once right stays so for a while */
        return;
    }
    say_fault(&clk.fault, &result, &facts, clk.answers, &clk.asked, clk.certificate);
    /* Not new: the same fault of the same server (the first argument) with another time. */
    if (clk.fault.code && (before.code != clk.fault.code || strcmp(before.args, clk.fault.args) != 0))
        audit_event("clock.refused", "%s", cause_line(&clk.fault, line));
    bool first = !clk.trusted;
    if (judge_believes(result.verdict)) {
        say_source(clk.source, sizeof clk.source, &clk.asked);
        if (set_by(&result)) {
            if (first)
                clk.trusted_ns = clock_boottime_ns();
            clk.trusted = true;
            clk.verdict = result.verdict;
        }
    }
    next_round(first == clk.trusted || clk.large > 0);
    say();
}

static void serve_net(void)
{
    static struct msg m;
    for (;;) {
        int fd = -1;
        switch (ipc_recv(clk.net, ROLE_CLOCK, &m, &fd)) {
        case IPC_OK: break;
        case IPC_AGAIN: return;
        case IPC_EOF: log_fatal("the network part has ended");
        default: log_fatal("the network part breaks the rules");
        }
        const struct msg_time_answer *a = &m.u.time_answer;
        if (a->round != clk.asked.round || a->server >= clk.asked.server_count || clk.outstanding == 0)
            log_fatal("the network part answers what it was not asked");
        clk.answers[a->server] = (struct judge_answer){a->good, a->delay_us, a->base_ns};
        if (--clk.outstanding == 0)
            end_round();
    }
}

_Noreturn static void run(void)
{
    for (;;) {
        int64_t now = clock_boottime_ns();
        hang_guard_alive(clk.run, "clock");
        if (clock_realtime_ns() / CLOCK_SECOND_NS < clk.floor_s)
            set_clock(clk.floor_s * CLOCK_SECOND_NS);
        save_when_due(now);
        if (clk.outstanding > 0 && now - clk.asked_ns > ROUND_MAX_S * CLOCK_SECOND_NS)
            log_fatal("the network part does not answer");
        if (clk.outstanding == 0 && now >= clk.ask_ns)
            begin_round();
        struct pollfd p = {clk.net, POLLIN, 0};
        if (poll(&p, 1, 1000) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
        if (p.revents)
            serve_net();
    }
}

/* Without a valid site file: boot has reported the fault, and there is no uplink either. */
_Noreturn static void idle(void)
{
    for (;;) {
        hang_guard_alive(clk.run, "clock");
        (void)poll(NULL, 0, 1000);
    }
}

/* ---- start-up ---- */

static int64_t read_time(const char *path)
{
    char text[32];
    return state_file_read(path, 0, text, sizeof text) < 0 ? 0 : strtoll(text, NULL, 10);
}

static void open_saved(const char *prefix)
{
    static char text[STATE_FILE_MAX];
    char path[PATH_MAX], value[8];
    int64_t saved;
    (void)snprintf(path, sizeof path, "%s/etc/sekisho/build-time", prefix);
    clk.built_s = clk.floor_s = read_time(path);
    clk.saved_fd = -1;
    (void)snprintf(path, sizeof path, "%s/run/sekisho/boot/state", prefix);
    if (state_file_read(path, 0, text, sizeof text) < 0 || !state_file_get(text, "state", value, sizeof value) ||
        strcmp(value, "yes") != 0)
        return;
    (void)snprintf(path, sizeof path, "%s/state/clock", prefix);
    saved = read_time(path);
    if (saved > clk.floor_s && saved < clk.built_s + 2 * YEARS_AHEAD_S)
        clk.floor_s = saved;
    clk.saved_fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (clk.saved_fd < 0)
        log_warn("cannot open %s: %s", path, strerror(errno));
}

static void split(void)
{
    int sock;
    pid_t child = ipc_fork(&sock);
    if (child < 0)
        log_fatal("fork: %s", strerror(errno));
    if (child == 0) {
        if (clk.saved_fd >= 0)
            close(clk.saved_fd);
        ask_run(sock);
    }
    clk.net = sock;
}

int main(int argc, char **argv)
{
    static const uint32_t groups[] = {UID_SEKISHO};
    static struct conf_errors errors;
    const char *prefix = argc == 3 && strcmp(argv[1], "-d") == 0 ? argv[2] : "";
    char path[PATH_MAX];
    log_name("clock");
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    (void)snprintf(clk.run, sizeof clk.run, "%s/run/sekisho", prefix);
    (void)snprintf(path, sizeof path, "%s/run/sekisho/clock", prefix);
    if (state_file_folder(path, UID_CLOCK) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
    (void)snprintf(clk.state, sizeof clk.state, "%s/run/sekisho/clock/state", prefix);
    (void)snprintf(clk.wan, sizeof clk.wan, "%s/run/sekisho/wan/state", prefix);
    (void)snprintf(clk.enroll, sizeof clk.enroll, "%s/run/sekisho/enroll/state", prefix);
    (void)snprintf(clk.source, sizeof clk.source, "no time server has answered yet");
    (void)snprintf(path, sizeof path, "%s/state/site.conf", prefix);
    bool usable = conf_load_site(path, &clk.site, &errors);
    explicit_bzero(clk.site.est_password, sizeof clk.site.est_password);
    zone_set(clk.site.zone_min);
    open_saved(prefix);
    split();
    audit_open();
    tzset();
    sandbox_user(UID_CLOCK, groups, 1, 1ULL << CAP_SYS_TIME);
    sandbox_syscalls(calls);
    clk.started_ns = clock_boottime_ns();
    say();
    if (!usable)
        idle();
    run();
}
