#include "report.h"

#include "clock.h"
#include "keys.h"
#include "log.h"
#include "state_file.h"
#include "sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINK_UNKNOWN_S 10 /* after this uptime a missing wan/state no longer means "not up yet" */

/*
 * The certificate itself, for gate: charon accepts identities of up to 251 octets only, and takes a longer one from the
 * certificate. Written before the state file that announces it.
 */
static bool write_certificate(const struct agent *a, const char *state_path)
{
    static char pem[KEYS_CERT_PEM_MAX];
    static uint32_t written;
    char path[PATH_MAX];
    if (a->store.current == written)
        return true;
    long len = store_read(&a->store, "cert.pem", pem, sizeof pem);
    int n = snprintf(path, sizeof path, "%s.cert.pem", state_path);
    if (len <= 0 || n < 0 || (size_t)n >= sizeof path || publish_text(path, pem, (size_t)len) < 0)
        return false;
    written = a->store.current;
    return true;
}

static void add_certificate(struct state_file *p, const struct agent *a)
{
    state_file_add_octets(p, "identity", a->facts.name, a->facts.name_len);
    state_file_add(p, "subject", "%s", a->facts.subject);
    state_file_add(p, "issuer", "%s", a->facts.issuer);
    state_file_add(p, "serial", "%s", a->facts.serial);
    state_file_add(p, "not-before", "%lld", (long long)a->facts.not_before);
    state_file_add(p, "not-after", "%lld", (long long)a->facts.not_after);
    state_file_add(p, "renew-at", "%lld", (long long)a->renew_at);
}

void report_write(const struct agent *a, const struct agent_time *now, const char *path)
{
    static struct state_file last, p;
    int64_t next = agent_next_try(a, now);
    state_file_begin(&p);
    state_file_add(&p, "phase", "%s", phase_name(a->phase));
    state_file_add(&p, "generation", "%u", a->store.current);
    state_file_add(&p, "loaded", "%s", a->load.loaded ? "yes" : "no");
    if (a->renew_at != 0)
        add_certificate(&p, a);
    state_file_cause(&p, "cause", a->fault.code ? &a->fault : &a->load.fault);
    /* rounded, so that the file does not change every second while waiting for a retry */
    if (next > 0)
        state_file_add(&p, "next-try", "%lld", (long long)(next - next % 10));
    if (a->site)
        state_file_add(&p, "server", "%s:%u", a->site->est_host, a->site->est_port);
    if (a->server_time > 0) { /* for clock to compare with; mono is CLOCK_BOOTTIME there too */
        state_file_add(&p, "server-time", "%lld", (long long)a->server_time);
        state_file_add(&p, "server-time-at", "%lld", (long long)a->server_time_at);
    }
    state_file_add(&p, "requests", "%u", a->day.used);
    state_file_add(&p, "requests-since", "%lld", (long long)a->day.since);
    if (p.len == last.len && memcmp(p.text, last.text, p.len) == 0)
        return;
    /* Report a fault even if the certificate cannot be written. Then retry both, as gate reads the certificate when
     * the state file changes. */
    bool kept = a->renew_at == 0 || write_certificate(a, path);
    if (!kept)
        log_warn("cannot copy the certificate to %s.cert.pem: %s", path, strerror(errno));
    if (state_file_commit(&p, path) < 0)
        log_warn("cannot write %s: %s", path, strerror(errno));
    else if (kept)
        last = p;
}

void report_resume(struct agent *a, const char *path)
{
    static char text[STATE_FILE_MAX];
    char used[16], since[24];
    if (state_file_read(path, UID_ENROLL, text, sizeof text) < 0 ||
        !state_file_get(text, "requests", used, sizeof used) ||
        !state_file_get(text, "requests-since", since, sizeof since))
        return;
    a->day.used = (unsigned)strtoul(used, NULL, 10);
    a->day.since = strtoll(since, NULL, 10);
}

static bool read_state(const char *run, const char *who, uint32_t owner, char *text, size_t len)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/state", run, who);
    return state_file_read(path, owner, text, len) == 0;
}

static void take_resolvers(struct agent_time *now, const char *text, const struct conf_site *site)
{
    char list[256], *rest = list, *word;
    now->resolver_count = 0;
    state_file_get(text, "dns", list, sizeof list);
    while ((word = strsep(&rest, " ")) && now->resolver_count < CONF_ADDRS_MAX)
        if (*word && conf_parse_addr(word, &now->resolvers[now->resolver_count]))
            now->resolver_count++;
    for (unsigned i = 0; site && now->resolver_count == 0 && i < site->wan_dns_count; i++)
        now->resolvers[i] = site->wan_dns[i];
    if (site && now->resolver_count == 0)
        now->resolver_count = site->wan_dns_count;
}

void report_look(struct agent_time *now, const char *run, const struct conf_site *site)
{
    static char text[STATE_FILE_MAX];
    static int64_t first;
    char value[16];
    now->mono = clock_boottime_s();
    now->unix_s = time(NULL);
    if (first == 0)
        first = now->mono;
    now->trusted = read_state(run, "clock", UID_CLOCK, text, sizeof text) &&
                   state_file_get(text, "trusted", value, sizeof value) && strcmp(value, "yes") == 0;
    memset(now->resolvers, 0, sizeof now->resolvers);
    if (read_state(run, "wan", UID_WAN, text, sizeof text) && state_file_get(text, "link", value, sizeof value)) {
        now->link = strcmp(value, "up") == 0;
        take_resolvers(now, text, site);
    } else {
        now->link = now->mono >= first + LINK_UNKNOWN_S;
        take_resolvers(now, "", site);
    }
}
