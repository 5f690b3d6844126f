/*
 * Detects a tunnel that is up but carries nothing. Its IKE_SA lives, and yet nothing comes back: the hub's policies
 * are gone, or the peers have kept different CHILD_SAs after a simultaneous rekey. Dead peer detection tests the
 * IKE_SA only, and does not notice.
 *
 * Pure: it gets the CHILD_SAs' counters every BLACKHOLE_CHECK_TICKS. Silence is counted in checks, not in time: a
 * pause of the box itself is not a silence of the hub. (Outside gate the word is `hollow`: key of the state file,
 * audit event, cause.)
 */
#ifndef SEKISHO_GATE_BLACKHOLE_H
#define SEKISHO_GATE_BLACKHOLE_H

#include <stdbool.h>
#include <stdint.h>

#define BLACKHOLE_CHECK_TICKS 10 /* of SESSION_TICK_MS, so 5 s */
#define BLACKHOLE_PROBE_CHECKS 2 /* after so many checks without an answer: probe through the tunnel */
/* Longer than dpd_delay (connection.c): an unreachable hub is left to dead peer detection, which is active by then
 * (`busy`). */
#define BLACKHOLE_CHECKS 5
#define BLACKHOLE_SENT_MIN 6 /* packets without an answer, including the box's own */

struct blackhole_counts {
    uint32_t child; /* uniqueid of the CHILD_SA in use */
    uint64_t in, out; /* packets of all CHILD_SAs of the tunnel */
    bool busy; /* an IKE exchange is in progress (rekeying, dead peer detection), and takes precedence */
};

struct blackhole {
    struct blackhole_counts last; /* the counters when something last came back */
    unsigned checks; /* number of checks since then with packets sent and no answer */
    unsigned probed; /* the check at which it was probed; 0: not yet */
};

enum blackhole_verdict { BLACKHOLE_NO, BLACKHOLE_PROBE, BLACKHOLE_YES };

/* Returns BLACKHOLE_PROBE until blackhole_probed is called; without a probe it never reports a blackhole. */
enum blackhole_verdict blackhole_check(struct blackhole *b, const struct blackhole_counts *now);
void blackhole_probed(struct blackhole *b);

#endif
