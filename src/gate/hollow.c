#include "hollow.h"

enum hollow_says hollow_look(struct hollow *h, const struct hollow_seen *seen)
{
    /* (Less than before: a CHILD_SA of old keys has gone with its count. Then it begins anew.) */
    if (seen->busy || seen->child != h->at.child || seen->in != h->at.in || seen->out < h->at.out) {
        *h = (struct hollow){.at = *seen};
        return HOLLOW_FINE;
    }
    uint64_t sent = seen->out - h->at.out;
    if (sent == 0)
        return HOLLOW_FINE;
    h->looks++;
    if (!h->asked)
        return h->looks >= HOLLOW_ASK_LOOKS ? HOLLOW_ASK : HOLLOW_FINE;
    return h->looks > h->asked && h->looks >= HOLLOW_LOOKS && sent >= HOLLOW_SENT_MIN ? HOLLOW_IS : HOLLOW_FINE;
}

void hollow_asked(struct hollow *h)
{
    h->asked = h->looks;
}
