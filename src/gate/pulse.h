/*
 * Does another program still answer? Silence is counted in ticks of gate's own clock and not in time: when gate itself or
 * the whole machine has stood still, that is no silence of the other.
 */
#ifndef SEKISHO_GATE_PULSE_H
#define SEKISHO_GATE_PULSE_H

struct pulse {
    unsigned silent; /* ticks since it was heard last */
};

enum pulse_says {
    PULSE_FINE,
    PULSE_ASK, /* it has been silent for a while: ask it something that it must answer; said once for each silence */
    PULSE_HANGS /* it was asked, and has not answered */
};

/* Anything that it says counts as an answer: one that has much to say answers late. */
void pulse_heard(struct pulse *p);
enum pulse_says pulse_tick(struct pulse *p, unsigned ask_after, unsigned hangs_after);

#endif
