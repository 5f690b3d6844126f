/*
 * A tunnel that is up and carries nothing. Its IKE_SA lives, and yet nothing comes back: the hub's policies are gone,
 * or the two ends have each kept another CHILD_SA after a re-key that both began. Dead peer detection asks the IKE_SA
 * only, and sees nothing.
 *
 * Pure: it is given what the CHILD_SAs have counted, every BLACKHOLE_CHECK_TICKS. Silence is counted in checks and not
 * in time: when the machine has stood still, that is no silence of the hub. (Outside gate the word is `hollow`: key of
 * the state file, audit event, cause.)
 */
#ifndef SEKISHO_GATE_BLACKHOLE_H
#define SEKISHO_GATE_BLACKHOLE_H

#include <stdbool.h>
#include <stdint.h>

#define BLACKHOLE_CHECK_TICKS 10 /* of SESSION_TICK_MS, so 5 s */
#define BLACKHOLE_PROBE_CHECKS 2 /* so long without an answer to what is sent: ask through the tunnel */
/* Longer than dpd_delay (connection.c): a hub that is away is dead peer detection's, which is at work by then
 * (`busy`). */
#define BLACKHOLE_CHECKS 5
#define BLACKHOLE_SENT_MIN 6 /* packets without an answer, the box's own among them */

struct blackhole_counts {
    uint32_t child; /* uniqueid of the CHILD_SA that is used */
    uint64_t in, out; /* packets of all CHILD_SAs of the tunnel */
    bool busy; /* IKE is at work, and knows more than we do: new keys, dead peer detection */
};

struct blackhole {
    struct blackhole_counts last; /* when something came back last */
    unsigned checks; /* since then, with something sent and without an answer */
    unsigned probed; /* the check after which it was probed; 0: not */
};

enum blackhole_verdict { BLACKHOLE_NO, BLACKHOLE_PROBE, BLACKHOLE_YES };

/* BLACKHOLE_PROBE is returned until blackhole_probed is called: without that it is never one. */
enum blackhole_verdict blackhole_check(struct blackhole *b, const struct blackhole_counts *now);
void blackhole_probed(struct blackhole *b);

#endif
