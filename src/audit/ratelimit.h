/*
 * Rate limit per program. The log has a fixed size, so a PC that causes a thousand refusals a minute could push last
 * month's sessions out of it. Each frequent kind of event has a small allowance; events beyond it are counted, and the
 * count is logged.
 */
#ifndef SEKISHO_AUDIT_RATELIMIT_H
#define SEKISHO_AUDIT_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RATELIMIT_BUCKETS 32

struct ratelimit_bucket {
    uid_t uid;
    bool used;
    uint8_t kind; /* 0: ordinary; else a kind of bulk event */
    uint64_t tokens_ms; /* tokens, in milliseconds */
    uint64_t last_ms;   /* monotonic */
    unsigned suppressed;
};

struct ratelimit {
    struct ratelimit_bucket buckets[RATELIMIT_BUCKETS];
};

/*
 * May this event be logged now? If true, *suppressed is the number of events of the same sender and kind dropped before
 * it, to be logged if it is not 0.
 */
bool ratelimit_allow(struct ratelimit *l, uid_t uid, const char *event, size_t len, uint64_t now_ms,
                     unsigned *suppressed);

#endif
