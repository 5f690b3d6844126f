/*
 * Does another program still answer? Silence is counted in ticks of gate, not in time: a pause of gate or of the whole
 * machine is not a silence of the other.
 */
#ifndef SEKISHO_GATE_LIVENESS_H
#define SEKISHO_GATE_LIVENESS_H

struct liveness {
    unsigned silent; /* ticks since the last message */
};

enum liveness_verdict {
    LIVENESS_FINE,
    LIVENESS_ASK, /* silent for a while: ping it; returned once per silence */
    LIVENESS_HANGS /* it has not answered the ping */
};

/* Call for every message: any counts as an answer, because a busy program answers the ping late. */
void liveness_heard(struct liveness *p);
enum liveness_verdict liveness_tick(struct liveness *p, unsigned ask_after, unsigned hangs_after);

#endif
