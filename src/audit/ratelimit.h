/*
 * How much one program may write. The log has a fixed size, so a PC that makes the box refuse a thousand names a minute
 * could push last month's sessions out of it. Frequent kinds of events get a small allowance of their own; what goes
 * beyond is counted, and the count is written.
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
    uint8_t kind; /* 0: ordinary events; else a kind of bulk events */
    uint64_t tokens_ms; /* allowance, in milliseconds of saved time */
    uint64_t last_ms;   /* monotonic */
    unsigned suppressed;
};

struct ratelimit {
    struct ratelimit_bucket buckets[RATELIMIT_BUCKETS];
};

/*
 * May this event be written now? *suppressed is how many of the same sender and kind were dropped before it: not 0 only
 * when the answer is yes, and then a line should say so.
 */
bool ratelimit_allow(struct ratelimit *l, uid_t uid, const char *event, size_t len, uint64_t now_ms,
                     unsigned *suppressed);

#endif
