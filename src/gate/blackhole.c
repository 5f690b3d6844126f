#include "blackhole.h"

enum blackhole_verdict blackhole_check(struct blackhole *b, const struct blackhole_counts *now)
{
    /* (Lower than before: an old CHILD_SA has been deleted with its counters. Then start again.) */
    if (now->busy || now->child != b->last.child || now->in != b->last.in || now->out < b->last.out) {
        *b = (struct blackhole){.last = *now};
        return BLACKHOLE_NO;
    }
    uint64_t sent = now->out - b->last.out;
    if (sent == 0)
        return BLACKHOLE_NO;
    b->checks++;
    if (!b->probed)
        return b->checks >= BLACKHOLE_PROBE_CHECKS ? BLACKHOLE_PROBE : BLACKHOLE_NO;
    return b->checks > b->probed && b->checks >= BLACKHOLE_CHECKS && sent >= BLACKHOLE_SENT_MIN ? BLACKHOLE_YES
                                                                                                : BLACKHOLE_NO;
}

void blackhole_probed(struct blackhole *b)
{
    b->probed = b->checks;
}
