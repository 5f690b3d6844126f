#include "clock.h"

#include <time.h>

static int64_t read_ns(clockid_t which)
{
    struct timespec t = {0};
    (void)clock_gettime(which, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND_NS + t.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
    return (uint64_t)(read_ns(CLOCK_MONOTONIC) / (CLOCK_SECOND_NS / 1000));
}

int64_t clock_boottime_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

int64_t clock_boottime_s(void)
{
    return clock_boottime_ns() / CLOCK_SECOND_NS;
}

int64_t clock_realtime_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}
