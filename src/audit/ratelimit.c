#include "ratelimit.h"

#include <string.h>

/* One event per `each_ms`; bursts of up to `burst` events. */
static const struct {
    uint64_t each_ms, burst;
} rates[2] = {
    {1000, 200}, /* ordinary events */
    {10000, 30}, /* bulk: events that a PC on the LAN can cause at will */
};

/* 0: ordinary. Each kind of bulk event has its own bucket, so that none suppresses another. */
static uint8_t kind_of(const char *event, size_t len)
{
    static const char *const kinds[] = {"dns.", "tls.", "blocked", "flow.", "audit.lost"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (len >= strlen(kinds[i]) && strncmp(event, kinds[i], strlen(kinds[i])) == 0)
            return (uint8_t)(i + 1);
    return 0;
}

/* The sender's bucket; when the table is full, all further ones share the last. */
static struct ratelimit_bucket *find(struct ratelimit *l, uid_t uid, uint8_t kind, uint64_t now_ms)
{
    struct ratelimit_bucket *b = l->buckets;
    for (size_t i = 0; i < RATELIMIT_BUCKETS; i++, b++) {
        if (!b->used) {
            *b = (struct ratelimit_bucket){.uid = uid, .used = true, .kind = kind, .last_ms = now_ms};
            b->tokens_ms = rates[kind > 0].each_ms * rates[kind > 0].burst;
            return b;
        }
        if (b->uid == uid && b->kind == kind)
            return b;
    }
    return b - 1;
}

bool ratelimit_allow(struct ratelimit *l, uid_t uid, const char *event, size_t len, uint64_t now_ms,
                     unsigned *suppressed)
{
    struct ratelimit_bucket *b = find(l, uid, kind_of(event, len), now_ms);
    uint64_t each = rates[b->kind > 0].each_ms, full = each * rates[b->kind > 0].burst;
    b->tokens_ms += now_ms - b->last_ms;
    b->last_ms = now_ms;
    if (b->tokens_ms > full)
        b->tokens_ms = full;
    *suppressed = 0;
    if (b->tokens_ms < each) {
        b->suppressed++;
        return false;
    }
    b->tokens_ms -= each;
    *suppressed = b->suppressed;
    b->suppressed = 0;
    return true;
}
