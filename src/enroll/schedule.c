#include "schedule.h"

int64_t schedule_renew_at(int64_t not_before, int64_t not_after, uint32_t spread)
{
    int64_t life = not_after - not_before;
    if (life <= 0)
        return not_before;
    int64_t first = not_before + life / 3 * 2;
    int64_t width = not_after - life / 20 - first;
    return first + (int64_t)((uint64_t)width * (spread >> 16) >> 16);
}

uint32_t schedule_wait(unsigned failures, uint32_t random)
{
    uint32_t wait = SCHEDULE_FIRST_S;
    for (unsigned i = 1; i < failures && wait < SCHEDULE_LAST_S; i++)
        wait *= 2;
    if (wait > SCHEDULE_LAST_S)
        wait = SCHEDULE_LAST_S;
    uint32_t jitter = wait / 4;
    return wait - jitter + random % (2 * jitter + 1);
}

uint32_t schedule_blocked(const struct schedule_day *day, int64_t mono)
{
    if (day->used < SCHEDULE_PER_DAY || mono >= day->since + SCHEDULE_DAY_S)
        return 0;
    return (uint32_t)(day->since + SCHEDULE_DAY_S - mono);
}

void schedule_use(struct schedule_day *day, int64_t mono)
{
    if (day->used == 0 || mono >= day->since + SCHEDULE_DAY_S) {
        day->since = mono;
        day->used = 0;
    }
    day->used++;
}
