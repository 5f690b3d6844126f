/*
 * Decides when gate's state file and its file of rules are written. A part that changes something visible only sets
 * `changed` (most have a pointer to it); only this part calls state_write() and rules_write().
 */
#ifndef SEKISHO_GATE_PUBLISH_H
#define SEKISHO_GATE_PUBLISH_H

#include "view.h"

struct publish {
    struct view view; /* given at the start */
    bool changed; /* the state file is to be written, with the next tick */
    uint64_t published_at;
    uint64_t rules_at,
        rules_admitted; /* time of the last file of rules (0: write it now), and the answers until then */
};

/* Both, now. */
void publish_all(struct publish *p);
/* The state file, now: gate is about to exit. */
void publish_state(struct publish *p);
/* The session has changed: write at once, but if it changes too fast, with the next tick. */
void publish_session_changed(struct publish *p);
void publish_tick(struct publish *p, uint64_t now_ms);

#endif
