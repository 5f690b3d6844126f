/*
 * Does a tunnel carry? Its IKE_SA lives, and yet nothing comes back: the hub's policies are gone, or the two ends have each
 * kept another CHILD_SA after a re-key that both began. Dead peer detection asks the IKE_SA only, and sees nothing.
 *
 * Pure: it is shown what the CHILD_SAs have counted, every HOLLOW_LOOK_TICKS. Silence is counted in looks and not in time:
 * when the machine has stood still, that is no silence of the hub.
 */
#ifndef SEKISHO_GATE_HOLLOW_H
#define SEKISHO_GATE_HOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#define HOLLOW_LOOK_TICKS 10 /* of SESSION_TICK_MS, so 5 s */
#define HOLLOW_ASK_LOOKS 2   /* so long without an answer to what is sent: ask through the tunnel */
/* Longer than dpd_delay (connection.c): a hub that is away is dead peer detection's, which is at work by then (`busy`). */
#define HOLLOW_LOOKS 5
#define HOLLOW_SENT_MIN 6 /* packets without an answer, the box's own among them */

struct hollow_seen {
    uint32_t child; /* uniqueid of the CHILD_SA that is used */
    uint64_t in, out; /* packets of all CHILD_SAs of the tunnel */
    bool busy; /* IKE is at work, and knows more than we do: new keys, dead peer detection */
};

struct hollow {
    struct hollow_seen at; /* when something came back last */
    unsigned looks; /* since then, with something sent and without an answer */
    unsigned asked; /* the look at which it was asked; 0: not */
};

enum hollow_says { HOLLOW_FINE, HOLLOW_ASK, HOLLOW_IS };

/* HOLLOW_ASK is said until hollow_asked is called: without that it is never hollow. */
enum hollow_says hollow_look(struct hollow *h, const struct hollow_seen *seen);
void hollow_asked(struct hollow *h);

#endif
