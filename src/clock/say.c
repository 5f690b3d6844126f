#include "say.h"

#include "log.h"
#include "state_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int64_t seconds_at(int64_t base_ns, const struct judge_facts *facts)
{
    return (base_ns + facts->mono_ns) / CLOCK_SECOND_NS;
}

void say_fault(struct cause *out, const struct judge_result *result, const struct judge_facts *facts,
               const struct judge_answer answers[], const struct msg_time_ask *asked, bool certificate)
{
    const char *who = asked->servers[result->who], *other = asked->servers[result->other];
    const char *told = CAUSE_NUMBER(seconds_at(answers[result->who].base_ns, facts));
    switch (result->verdict) {
    case JUDGE_BEFORE: cause_set(out, CAUSE_TIME_BEFORE, who, told, CAUSE_NUMBER(facts->floor_s), NULL); break;
    case JUDGE_LEAP:
        if (certificate)
            cause_set(out, CAUSE_TIME_AFTER_CERT, who, told, CAUSE_NUMBER(facts->end_s), NULL);
        else
            cause_set(out, CAUSE_TIME_YEARS_AHEAD, who, told, NULL);
        break;
    case JUDGE_CONTRADICT:
        cause_set(out, CAUSE_TIME_CONTRADICTION, who, told, other,
                  CAUSE_NUMBER(seconds_at(answers[result->other].base_ns, facts)), NULL);
        break;
    case JUDGE_DENIED:
        cause_set(out, CAUSE_TIME_DENIED, who, told, CAUSE_NUMBER(seconds_at(facts->opinion_base_ns, facts)), NULL);
        break;
    default: cause_set(out, CAUSE_NONE, NULL); break;
    }
}

void say_source(char *out, size_t size, const struct msg_time_ask *asked)
{
    size_t len = (size_t)snprintf(out, size, "NTP:");
    for (unsigned i = 0; i < asked->server_count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, " %s", asked->servers[i]);
}

void say_state(bool trusted, const char *source, const struct cause *fault, const char *path)
{
    static struct state_file last, p;
    state_file_begin(&p);
    state_file_add(&p, "trusted", "%s", trusted ? "yes" : "no");
    state_file_add(&p, "source", "%s", source);
    state_file_cause(&p, "cause", fault);
    if (p.len == last.len && memcmp(p.text, last.text, p.len) == 0)
        return;
    if (state_file_commit(&p, path) < 0)
        log_warn("cannot write %s: %s", path, strerror(errno));
    else
        last = p;
}
