#include "say.h"

#include "log.h"
#include "publish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *date(int64_t seconds, char out[32])
{
    time_t when = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&when, &parts) || strftime(out, 32, "%Y-%m-%d %H:%M UTC", &parts) == 0)
        (void)snprintf(out, 32, "?");
    return out;
}

static int64_t seconds_at(int64_t base_ns, const struct judge_facts *facts)
{
    return (base_ns + facts->mono_ns) / JUDGE_SECOND;
}

void say_fault(char *out, size_t size, const struct judge_result *result, const struct judge_facts *facts,
               const struct judge_answer answers[], const struct msg_time_ask *asked, bool certificate)
{
    char told[32], other[32];
    const char *who = asked->servers[result->who];
    (void)date(seconds_at(answers[result->who].base_ns, facts), told);
    *out = '\0';
    switch (result->verdict) {
    case JUDGE_BEFORE:
        (void)snprintf(out, size, "The time server %s says %s, but it is later than %s for certain.", who, told,
                       date(facts->floor_s, other));
        break;
    case JUDGE_LEAP:
        if (certificate)
            (void)snprintf(out, size,
                           "The time server %s says %s, after the end of the box's certificate (%s); nobody else "
                           "confirms it.",
                           who, told, date(facts->end_s, other));
        else
            (void)snprintf(out, size,
                           "The time server %s says %s, many years after this software was made; nobody else confirms "
                           "it.",
                           who, told);
        break;
    case JUDGE_CONTRADICT:
        (void)snprintf(out, size, "The time servers contradict each other: %s says %s, %s says %s.", who, told,
                       asked->servers[result->other], date(seconds_at(answers[result->other].base_ns, facts), other));
        break;
    case JUDGE_DENIED:
        (void)snprintf(out, size, "The time server %s says %s, the enrolment server's clock %s.", who, told,
                       date(seconds_at(facts->opinion_base_ns, facts), other));
        break;
    default: break;
    }
}

void say_source(char *out, size_t size, const struct msg_time_ask *asked)
{
    size_t len = (size_t)snprintf(out, size, "NTP:");
    for (unsigned i = 0; i < asked->server_count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, " %s", asked->servers[i]);
}

void say_state(bool trusted, const char *source, const char *fault, const char *path)
{
    static struct publish last, p;
    publish_begin(&p);
    publish_add(&p, "trusted", "%s", trusted ? "yes" : "no");
    publish_add(&p, "source", "%s", source);
    if (*fault)
        publish_add(&p, "fault", "%s", fault);
    if (p.len == last.len && memcmp(p.text, last.text, p.len) == 0)
        return;
    if (publish_commit(&p, path) < 0)
        log_warn("cannot write %s: %s", path, strerror(errno));
    else
        last = p;
}
