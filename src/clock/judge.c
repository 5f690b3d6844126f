#include "judge.h"

#include <stdlib.h>

static int64_t seconds_of(int64_t base_ns, const struct judge_facts *f)
{
    return (base_ns + f->mono_ns) / CLOCK_SECOND_NS;
}

static bool same(const struct judge_answer *a, const struct judge_answer *b)
{
    return llabs(a->base_ns - b->base_ns) <=
           JUDGE_SAME_S * CLOCK_SECOND_NS + ((int64_t)a->delay_us + b->delay_us) * 500;
}

static bool within(int64_t a_ns, int64_t b_ns, int64_t seconds)
{
    return llabs(a_ns - b_ns) <= seconds * CLOCK_SECOND_NS;
}

/* The usable answers: those not before the floor. Returns their number; *before: one of the others, or -1. */
static unsigned usable(const struct judge_answer answers[], const struct judge_facts *f, bool use[], int *before)
{
    unsigned count = 0;
    *before = -1;
    for (unsigned i = 0; i < CONF_ADDRS_MAX; i++) {
        use[i] = answers[i].good && seconds_of(answers[i].base_ns, f) >= f->floor_s - JUDGE_SLACK_S;
        count += use[i];
        if (answers[i].good && !use[i] && *before < 0)
            *before = (int)i;
    }
    return count;
}

/* The answer that most others agree with; of several the one with the shortest round trip. */
static unsigned most_agreed(const struct judge_answer answers[], const bool use[], unsigned *agreeing)
{
    unsigned best = 0;
    *agreeing = 0;
    for (unsigned i = 0; i < CONF_ADDRS_MAX; i++) {
        unsigned count = 0;
        for (unsigned k = 0; use[i] && k < CONF_ADDRS_MAX; k++)
            count += use[k] && same(&answers[i], &answers[k]);
        if (count > *agreeing || (count > 0 && count == *agreeing && answers[i].delay_us < answers[best].delay_us)) {
            *agreeing = count;
            best = i;
        }
    }
    return best;
}

static unsigned another(const struct judge_answer answers[], const bool use[], unsigned who)
{
    for (unsigned i = 0; i < CONF_ADDRS_MAX; i++)
        if (use[i] && !same(&answers[i], &answers[who]))
            return i;
    return who;
}

/* The answer that agrees with the enrolment server's clock; -1: none. */
static int seconded(const struct judge_answer answers[], const bool use[], const struct judge_facts *f)
{
    for (int i = 0; f->opinion && i < CONF_ADDRS_MAX; i++)
        if (use[i] && within(answers[i].base_ns, f->opinion_base_ns, JUDGE_CONFIRMS_S))
            return i;
    return -1;
}

struct judge_result judge(const struct judge_answer answers[CONF_ADDRS_MAX], const struct judge_facts *f)
{
    bool use[CONF_ADDRS_MAX];
    int before;
    unsigned agreeing, count = usable(answers, f, use, &before);
    struct judge_result result = {.verdict = JUDGE_NONE};
    if (count == 0 && before >= 0)
        result = (struct judge_result){JUDGE_BEFORE, answers[before].base_ns, (unsigned)before, 0};
    if (count == 0)
        return result;
    unsigned who = most_agreed(answers, use, &agreeing);
    int confirmed = seconded(answers, use, f);
    if (confirmed >= 0)
        return (struct judge_result){JUDGE_CONFIRMED, answers[confirmed].base_ns, (unsigned)confirmed, 0};
    if (agreeing * 2 <= count)
        return (struct judge_result){JUDGE_CONTRADICT, 0, who, another(answers, use, who)};
    result = (struct judge_result){JUDGE_GOOD, answers[who].base_ns, who, 0};
    int64_t when = seconds_of(result.base_ns, f);
    if (f->opinion && !within(result.base_ns, f->opinion_base_ns, JUDGE_DENIES_S))
        result.verdict = JUDGE_DENIED;
    else if (when > f->end_s && when > f->reference_s + JUDGE_LEAP_S)
        result.verdict = agreeing > 1 ? JUDGE_AGREED : JUDGE_LEAP;
    return result;
}

bool judge_believes(enum judge_verdict verdict)
{
    return verdict == JUDGE_GOOD || verdict == JUDGE_CONFIRMED || verdict == JUDGE_AGREED;
}
