/*
 * What time is it? Pure: from what the time servers said, and what the box knows for certain. A server may lie, and with
 * it everybody on the line; so nothing before the floor is ever believed, and a leap that would end the certificate is a
 * question until somebody else says the same.
 */
#ifndef SEKISHO_CLOCK_JUDGE_H
#define SEKISHO_CLOCK_JUDGE_H

#include "clock.h"
#include "conf.h"

#include <stdbool.h>
#include <stdint.h>

#define JUDGE_SLACK_S 10              /* below the floor: a clock that was a little fast when it was saved */
#define JUDGE_LEAP_S (30 * 86400)     /* less than this ahead of what it should be is no leap */
#define JUDGE_SAME_S 2                /* apart, besides what the way can have cost: the same time */
#define JUDGE_CONFIRMS_S 3600         /* the enrolment server's clock is read as we go by, and may be set by hand */
#define JUDGE_DENIES_S 86400

struct judge_answer {
    bool good;
    uint32_t delay_us;
    int64_t base_ns; /* UNIX time less CLOCK_BOOTTIME */
};

struct judge_facts {
    int64_t mono_ns;     /* CLOCK_BOOTTIME */
    int64_t floor_s;     /* it is later than this: the image was built, and the time was trusted, before */
    int64_t
        reference_s; /* what the time should be: the clock's, when trusted, else the floor and the time since the start */
    int64_t end_s; /* after this a leap is a question: the certificate's end, or years ahead */
    bool opinion; /* the enrolment server's clock is known */
    int64_t opinion_base_ns;
};

enum judge_verdict {
    JUDGE_NONE, /* nobody has answered */
    JUDGE_GOOD,
    JUDGE_CONFIRMED, /* the enrolment server says the same */
    JUDGE_AGREED, /* a leap that more than one time server tells of: believed, but not for the next start */
    JUDGE_BEFORE, /* before the floor */
    JUDGE_LEAP, /* a leap that nobody confirms */
    JUDGE_CONTRADICT, /* the time servers do not agree: `who` and `other` for instance */
    JUDGE_DENIED /* the enrolment server says something else */
};

struct judge_result {
    enum judge_verdict verdict;
    int64_t base_ns;
    unsigned who, other; /* places in the question */
};

struct judge_result judge(const struct judge_answer answers[CONF_ADDRS_MAX], const struct judge_facts *facts);
/* May the clock be set to it? */
bool judge_believes(enum judge_verdict verdict);

#endif
