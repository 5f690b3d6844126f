/*
 * How the box is, from the state files of its daemons: one reading and one judgement, shared by the LEDs, the console
 * and `sekisho status`, so that they never contradict each other.
 */
#ifndef SEKISHO_HEALTH_H
#define SEKISHO_HEALTH_H

#include "publish.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum health_file { HEALTH_GATE, HEALTH_ENROLL, HEALTH_WAN, HEALTH_CLOCK, HEALTH_AUDIT, HEALTH_BOOT, HEALTH_FILES };

struct health {
    uint64_t now;            /* UNIX time of the reading */
    bool dead[HEALTH_FILES]; /* its daemon is gone, whatever the file says (health_probe) */
    bool has[HEALTH_FILES];  /* the state file is there and its daemon is not gone */
    bool odd[HEALTH_FILES];  /* something else stands in the place of the state file */
    char text[HEALTH_FILES][PUBLISH_MAX + 1];
};

/* Short name of a file's daemon: "gate", "enroll", … */
const char *health_name(enum health_file file);

/*
 * A daemon that was killed leaves its last state behind. Knock at the control sockets: where nobody listens any more,
 * health_read takes the state as missing. Never waits; what cannot be found out counts as alive.
 */
void health_probe(struct health *h, const char *root);

/* Read all state files below root ("" on the box itself). *h is zero at first, or from an earlier reading. */
void health_read(struct health *h, const char *root);

/* Value of a key; "" if the file or the key is not there. The pointer is to a static buffer, valid until the next call. */
const char *health_get(const struct health *h, enum health_file file, const char *key);
bool health_is(const struct health *h, enum health_file file, const char *key, const char *value);

/* A sentence about the box and what to do about it, in both languages. */
struct situation {
    const char *id; /* for scripts: never changes once released */
    bool trouble; /* a person has to do something: exit status 1 of `sekisho status` */
    const char *en, *ja;
    const char *do_en, *do_ja; /* what to do; NULL if nothing */
    enum health_file detail_file;
    const char *detail_key; /* value appended to the sentence; NULL if none */
    bool (*holds)(const struct health *h);
};

/* What the box is doing: always exactly one. */
const struct situation *health_headline(const struct health *h);
/* What is not as it should be: fills at most max pointers, returns how many. */
size_t health_problems(const struct health *h, const struct situation **out, size_t max);
/* The sentence with its detail; japanese or english. Returns out. */
const char *health_sentence(const struct health *h, const struct situation *s, bool japanese_wanted, char *out,
                            size_t size);

#endif
