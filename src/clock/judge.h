/*
 * Which time to trust. Pure: from the time servers' answers and what the box knows for certain. A time server may
 * lie, and so may anybody on the path. So a time before the floor is never trusted, and a leap beyond the
 * certificate's expiry needs confirmation by another source.
 */
#ifndef SEKISHO_CLOCK_JUDGE_H
#define SEKISHO_CLOCK_JUDGE_H

#include "clock.h"
#include "conf.h"

#include <stdbool.h>
#include <stdint.h>

#define JUDGE_SLACK_S 10              /* tolerance below the floor, which may come from a clock slightly fast */
#define JUDGE_LEAP_S (30 * 86400)     /* a leap is more than this ahead of the reference */
#define JUDGE_SAME_S 2                /* two times agree within this plus the errors of their round trips */
#define JUDGE_CONFIRMS_S 3600         /* tolerance for the enrolment server's clock, which may be set by hand */
#define JUDGE_DENIES_S 86400

struct judge_answer {
    bool good;
    uint32_t delay_us;
    int64_t base_ns; /* UNIX time minus CLOCK_BOOTTIME */
};

struct judge_facts {
    int64_t mono_ns;     /* CLOCK_BOOTTIME */
    int64_t floor_s;     /* a known lower bound: the image's build time, or the last trusted time saved */
    int64_t reference_s; /* the expected time: the clock's if trusted, else the floor plus the uptime */
    int64_t end_s; /* a leap beyond this needs confirmation: the certificate's expiry, or years ahead */
    bool opinion; /* the enrolment server's clock is known */
    int64_t opinion_base_ns;
};

enum judge_verdict {
    JUDGE_NONE, /* no answer */
    JUDGE_GOOD,
    JUDGE_CONFIRMED, /* the enrolment server's clock agrees */
    JUDGE_AGREED, /* a leap that several time servers agree on: trusted, but not saved as a floor */
    JUDGE_BEFORE, /* before the floor */
    JUDGE_LEAP, /* an unconfirmed leap */
    JUDGE_CONTRADICT, /* the time servers disagree, for example `who` and `other` */
    JUDGE_DENIED /* the enrolment server's clock disagrees */
};

struct judge_result {
    enum judge_verdict verdict;
    int64_t base_ns;
    unsigned who, other; /* indexes of the answers */
};

struct judge_result judge(const struct judge_answer answers[CONF_ADDRS_MAX], const struct judge_facts *facts);
/* May the clock be set by a result with this verdict? */
bool judge_believes(enum judge_verdict verdict);

#endif
