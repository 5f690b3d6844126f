/*
 * Loading the current generation into charon over VICI: all of it, at each new connection and after each switch.
 * VICI cannot unload one certificate, so a switch is clear-creds and everything again, sent in one go.
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
    const struct store *store; /* read at each load; generation 0: there is nothing to load */
    struct vici *vici;         /* NULL: not connected */
    bool wanted;               /* something is to be loaded that charon does not have */
    bool loaded;               /* charon has the current generation */
    unsigned waiting, refused; /* answers to come, and those that said no */
    int64_t next_s;            /* mono: not before this time again */
    int away;                  /* errno of the last try to connect; 0: it worked */
    struct cause fault;        /* none: all is well */
};

void charon_load_init(struct charon_load *l, const char *path, const struct store *store);
/* The current generation has changed. */
void charon_load_again(struct charon_load *l);
/* Connect and load what is due. Call every second or so, and after charon_load_again. */
void charon_load_tick(struct charon_load *l, int64_t mono);
/* Descriptor to poll, or -1; *events as for poll. */
int charon_load_fd(const struct charon_load *l, short *events);
/* That descriptor is ready. */
void charon_load_process(struct charon_load *l, int64_t mono);

#endif
