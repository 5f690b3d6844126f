#include "pulse.h"

void pulse_heard(struct pulse *p)
{
    p->silent = 0;
}

enum pulse_says pulse_tick(struct pulse *p, unsigned ask_after, unsigned hangs_after)
{
    p->silent++;
    if (p->silent >= hangs_after)
        return PULSE_HANGS;
    return p->silent == ask_after ? PULSE_ASK : PULSE_FINE;
}
