/*
 * Loading the current generation into charon over VICI: all of it, at each new connection and after each switch.
 * VICI cannot unload one certificate, so a switch is clear-creds and everything again, sent in one go.
 */
#ifndef SEKISHO_ENROLL_LOAD_H
#define SEKISHO_ENROLL_LOAD_H

#include "store.h"
#include "cause.h"
#include "vici.h"

#include <stdbool.h>
#include <stdint.h>

struct load {
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

void load_init(struct load *l, const char *path, const struct store *store);
/* The current generation has changed. */
void load_again(struct load *l);
/* Connect and load what is due. Call every second or so, and after load_again. */
void load_tick(struct load *l, int64_t mono);
/* Descriptor to poll, or -1; *events as for poll. */
int load_fd(const struct load *l, short *events);
/* That descriptor is ready. */
void load_process(struct load *l, int64_t mono);

#endif
