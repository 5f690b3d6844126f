/* The clocks of the kernel, each read in one place. None of them fails: the kernel has them all. */
#ifndef SEKISHO_CLOCK_H
#define SEKISHO_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND_NS INT64_C(1000000000)

/* CLOCK_MONOTONIC in milliseconds: for time-outs and rates. It is never set, and begins near 0 at the kernel's start. */
uint64_t clock_monotonic_ms(void);

/* CLOCK_BOOTTIME in nanoseconds: like it, but time in which the machine sleeps counts too; for leases and lifetimes. */
int64_t clock_boottime_ns(void);
int64_t clock_boottime_s(void); /* the same in seconds */

/* CLOCK_REALTIME in nanoseconds since 1970 (UTC): for people and certificates. It may be set forward and back. */
int64_t clock_realtime_ns(void);

#endif
