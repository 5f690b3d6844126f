#include "say.h"

#include "log.h"
#include "publish.h"
#include "zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int64_t seconds_at(int64_t base_ns, const struct judge_facts *facts)
{
    return (base_ns + facts->mono_ns) / CLOCK_SECOND_NS;
}

void say_fault(char *out, size_t size, const struct judge_result *result, const struct judge_facts *facts,
               const struct judge_answer answers[], const struct msg_time_ask *asked, bool certificate)
{
    char told[ZONE_TEXT_MAX], other[ZONE_TEXT_MAX];
    const char *who = asked->servers[result->who];
    (void)zone_minute(seconds_at(answers[result->who].base_ns, facts), told);
    *out = '\0';
    switch (result->verdict) {
    case JUDGE_BEFORE:
        (void)snprintf(out, size, "The time server %s says %s, but it is later than %s for certain.", who, told,
                       zone_minute(facts->floor_s, other));
        break;
    case JUDGE_LEAP:
        if (certificate)
            (void)snprintf(out, size,
                           "The time server %s says %s, after the end of the box's certificate (%s); nobody else "
                           "confirms it.",
                           who, told, zone_minute(facts->end_s, other));
        else
            (void)snprintf(out, size,
                           "The time server %s says %s, many years after this software was made; nobody else confirms "
                           "it.",
                           who, told);
        break;
    case JUDGE_CONTRADICT:
        (void)snprintf(out, size, "The time servers contradict each other: %s says %s, %s says %s.", who, told,
                       asked->servers[result->other],
                       zone_minute(seconds_at(answers[result->other].base_ns, facts), other));
        break;
    case JUDGE_DENIED:
        (void)snprintf(out, size, "The time server %s says %s, the enrolment server's clock %s.", who, told,
                       zone_minute(seconds_at(facts->opinion_base_ns, facts), other));
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
