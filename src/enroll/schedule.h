/*
 * When to contact the enrolment server. Pure. Two kinds of time, never mixed: `unix` for certificates, used only
 * while the clock is trusted, and `mono` (seconds of CLOCK_BOOTTIME) for waiting and for the daily limit, so that a
 * clock step cannot make the box retry more often.
 */
#ifndef SEKISHO_ENROLL_SCHEDULE_H
#define SEKISHO_ENROLL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_FIRST_S 5    /* wait after the first failure; doubled after each further one */
#define SCHEDULE_LAST_S 900   /* the longest wait without a Retry-After */
#define SCHEDULE_DAY_S 86400
/* Exchanges per day. With the longest wait there are 96, so a day's outage does not reach the limit; a defect does. */
#define SCHEDULE_PER_DAY 120

/* A time in the last third of the lifetime, but before its last twentieth, chosen by `spread` (any 32-bit number). */
int64_t schedule_renew_at(int64_t not_before, int64_t not_after, uint32_t spread);

/* Seconds to wait after `failures` (1, 2, …) failures in a row, with a jitter of plus or minus a quarter. */
uint32_t schedule_wait(unsigned failures, uint32_t random);

/* The daily limit. A window starts with its first exchange. */
struct schedule_day {
    int64_t since; /* mono */
    unsigned used;
};
/* Seconds until one more exchange is allowed; 0: now. */
uint32_t schedule_blocked(const struct schedule_day *day, int64_t mono);
void schedule_use(struct schedule_day *day, int64_t mono);

#endif
