/*
 * How the box is, from the state files of its daemons: one reading and one judgement, shared by the LEDs, the console
 * and `sekisho status`, so that they never contradict each other.
 */
#ifndef SEKISHO_HEALTH_H
#define SEKISHO_HEALTH_H

#include "cause_text.h"
#include "state_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum health_file { HEALTH_GATE, HEALTH_ENROLL, HEALTH_WAN, HEALTH_CLOCK, HEALTH_AUDIT, HEALTH_BOOT, HEALTH_FILES };

struct health {
    uint64_t now;            /* UNIX time of the reading */
    bool dead[HEALTH_FILES]; /* its daemon is gone, whatever the file says (health_probe) */
    bool has[HEALTH_FILES];  /* the state file is there and its daemon is not gone */
    bool odd[HEALTH_FILES];  /* something else stands in the place of the state file */
    char text[HEALTH_FILES][STATE_FILE_MAX + 1];
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

/* What the box is doing, or what is not as it should be: a cause (cause.def), and what its program says of it. */
struct health_problem {
    enum cause_code code;
    struct cause detail; /* none: nothing more is said, or it is words */
    char words[512]; /* names of services, networks; "": none */
};

/* What the box is doing: always exactly one. */
void health_headline(const struct health *h, struct health_problem *out);
/* What is not as it should be: fills at most max, returns how many. */
size_t health_problems(const struct health *h, struct health_problem *out, size_t max);
/* A person has to do something: exit status 1 of `sekisho status`. */
bool health_trouble(const struct health_problem *p);

/* A cause out of a state file; what cannot be read is CAUSE_UNKNOWN. False, and none: the line is empty. */
bool health_cause(const char *line, struct cause *out);

/* In words, health_text.c: the sentence with its detail, and what to do ("": nothing). Both return out. */
const char *health_sentence(const struct health_problem *p, enum cause_lang lang, char *out, size_t size);
const char *health_action(const struct health_problem *p, enum cause_lang lang, char out[CAUSE_TEXT_MAX]);

#endif
