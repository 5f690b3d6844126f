#include "liveness.h"

void liveness_heard(struct liveness *p)
{
    p->silent = 0;
}

enum liveness_verdict liveness_tick(struct liveness *p, unsigned ask_after, unsigned hangs_after)
{
    p->silent++;
    if (p->silent >= hangs_after)
        return LIVENESS_HANGS;
    return p->silent == ask_after ? LIVENESS_ASK : LIVENESS_FINE;
}
