/*
 * When to ask the enrolment server: pure arithmetic. Two kinds of time, never mixed: `unix` for certificates, which
 * counts only while the clock is trusted, and `mono` (seconds of CLOCK_BOOTTIME) for waiting and for the daily limit,
 * so that no jump of the clock can make the box ask more often.
 */
#ifndef SEKISHO_ENROLL_SCHEDULE_H
#define SEKISHO_ENROLL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_FIRST_S 5    /* wait after the first failure; doubled after each further one */
#define SCHEDULE_LAST_S 900   /* the longest wait that we choose by ourselves */
#define SCHEDULE_DAY_S 86400
/* Exchanges a day. The longest wait alone makes 96, so an outage of a day does not use it up; a defect does. */
#define SCHEDULE_PER_DAY 120

/* A point of the last third of the lifetime, leaving its last twentieth; `spread` is even over all 32-bit numbers. */
int64_t schedule_renew_at(int64_t not_before, int64_t not_after, uint32_t spread);

/* Seconds to wait after `failures` (1, 2, …) failures in a row, with a jitter of a quarter either way. */
uint32_t schedule_wait(unsigned failures, uint32_t random);

/* The daily limit. A window begins with its first exchange. */
struct schedule_day {
    int64_t since; /* mono */
    unsigned used;
};
/* May one more be made now? 0: yes; else the seconds until then. */
uint32_t schedule_blocked(const struct schedule_day *day, int64_t mono);
void schedule_use(struct schedule_day *day, int64_t mono);

#endif
