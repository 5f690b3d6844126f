/*
 * When gate's state file and its page of rules are written. A part that changes something people can see sets the mark
 * `changed` (most hold a pointer to it), and no more; nobody else calls state_write() and rules_write().
 */
#ifndef SEKISHO_GATE_PUBLISH_H
#define SEKISHO_GATE_PUBLISH_H

#include "view.h"

struct publish {
    struct view view; /* given at the start */
    bool changed; /* the state file is to be written, with the next tick */
    uint64_t published_at;
    uint64_t rules_at, rules_admitted; /* when the page of rules was written (0: now!), and after how many answers */
};

/* Both, now. */
void publish_all(struct publish *p);
/* The state file now: gate ends. */
void publish_state(struct publish *p);
/* The session has changed: at once, unless it changes faster than anybody reads; then with the next tick. */
void publish_session_changed(struct publish *p);
void publish_tick(struct publish *p, uint64_t now_ms);

#endif
