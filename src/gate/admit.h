/*
 * Opening the filter for the addresses of a listed name: what `names` may ask for, checked again by what gate knows
 * itself. `names` parses what strangers write; so gate believes it no more than: "this listed name, these addresses".
 */
#ifndef SEKISHO_GATE_ADMIT_H
#define SEKISHO_GATE_ADMIT_H

#include "conf.h"
#include "kernel.h"
#include "msg.h"

#include <stdint.h>

#define ADMIT_NAMES_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)
#define ADMIT_TIMEOUT_MAX_S 86400
#define ADMIT_MEMORY 4096 /* elements whose end is remembered; a power of two */

/* What is known of the moment in which the question is asked. */
struct admit_now {
    uint32_t generation;           /* of the session; 0: there is none */
    uint8_t services_up;           /* bit N-1 */
    uint64_t now_ms;
    /* The negotiated remote prefixes of the service's tunnel; 0 while it is down. */
    unsigned (*remote)(void *user, uint8_t service, const struct prefix **out);
    void *user;
};

struct admit {
    const struct conf *conf;
    unsigned name_count;
    struct {
        uint8_t service; /* index in conf->services */
        uint8_t rule;
    } names[ADMIT_NAMES_MAX]; /* by the id that messages use */
    /* When each element ends: two names may share an address, and neither must shorten the other's time. */
    uint32_t generation;
    struct admit_memory {
        struct kernel_allow element;
        uint64_t ends_ms;
    } memory[ADMIT_MEMORY];
    uint64_t admitted; /* answers opened so far */
};

/* conf must outlive it. */
void admit_init(struct admit *a, const struct conf *conf);
/* The listed name with this id and the number of its service; NULL: there is none. */
const char *admit_name(const struct admit *a, unsigned id, uint8_t *service);

/*
 * Check m; on ADMIT_OK out[0..*count) are the elements to open: every port of the name for every address. Nothing is
 * remembered yet. *count <= KERNEL_ALLOW_MAX.
 */
enum msg_verdict admit_check(const struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                             struct kernel_allow out[KERNEL_ALLOW_MAX], unsigned *count);
/* Check, open in the kernel by `allow` (kernel_allow), remember. */
enum msg_verdict admit_open(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                            int (*allow)(const struct kernel_allow *, unsigned));

#endif
