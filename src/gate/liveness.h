/*
 * Does another program still answer? Silence is counted in ticks of gate's own clock and not in time: when gate itself
 * or the whole machine has stood still, that is no silence of the other.
 */
#ifndef SEKISHO_GATE_LIVENESS_H
#define SEKISHO_GATE_LIVENESS_H

struct liveness {
    unsigned silent; /* ticks since it was heard last */
};

enum liveness_verdict {
    LIVENESS_FINE,
    LIVENESS_ASK, /* it has been silent for a while: ask it something that it must answer; said once for each silence */
    LIVENESS_HANGS /* it was asked, and has not answered */
};

/* Anything that it says counts as an answer: one that has much to say answers late. */
void liveness_heard(struct liveness *p);
enum liveness_verdict liveness_tick(struct liveness *p, unsigned ask_after, unsigned hangs_after);

#endif
