/* The kernel's clocks, each read in one place. No function fails: the kernel supports all of them. */
#ifndef SEKISHO_CLOCK_H
#define SEKISHO_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND_NS INT64_C(1000000000)

/* CLOCK_MONOTONIC in milliseconds: for time-outs and rates. It cannot be set and starts near 0 at boot. */
uint64_t clock_monotonic_ms(void);

/* CLOCK_BOOTTIME in nanoseconds: like CLOCK_MONOTONIC, but it includes suspend; for leases and lifetimes. */
int64_t clock_boottime_ns(void);
int64_t clock_boottime_s(void); /* in seconds */

/* CLOCK_REALTIME in nanoseconds since 1970 (UTC): for people and certificates. It may be set forward and back. */
int64_t clock_realtime_ns(void);

#endif
