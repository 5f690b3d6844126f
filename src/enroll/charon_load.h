/*
 * Loads the current generation into charon over VICI: all of it, at each new connection and after each switch. VICI
 * cannot unload a single certificate, so a switch sends clear-creds and everything again, in one batch.
 */
#ifndef SEKISHO_ENROLL_CHARON_LOAD_H
#define SEKISHO_ENROLL_CHARON_LOAD_H

#include "store.h"
#include "cause.h"
#include "vici.h"

#include <stdbool.h>
#include <stdint.h>

struct charon_load {
    const char *path;          /* of charon's socket */
    const struct store *store; /* read at each load; generation 0: nothing to load */
    struct vici *vici;         /* NULL: not connected */
    bool wanted;               /* a load is due */
    bool loaded;               /* charon has the current generation */
    unsigned waiting, refused; /* outstanding replies, and refusals among those received */
    int64_t next_s;            /* mono: no retry before this */
    int away;                  /* errno of the last connect; 0: success */
    struct cause fault;        /* CAUSE_NONE: no fault */
};

void charon_load_init(struct charon_load *l, const char *path, const struct store *store);
/* The current generation has changed. */
void charon_load_again(struct charon_load *l);
/* Connect and load what is due. Call every second or so, and after charon_load_again. */
void charon_load_tick(struct charon_load *l, int64_t mono);
/* Descriptor to poll, or -1; *events as for poll. */
int charon_load_fd(const struct charon_load *l, short *events);
/* The descriptor is ready. */
void charon_load_process(struct charon_load *l, int64_t mono);

#endif
