/*
 * The health of the box, derived from the daemons' state files. Shared by the LEDs, the console and `sekisho status`,
 * so that they never contradict each other.
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
    bool dead[HEALTH_FILES]; /* the daemon does not run, whatever the file contains (health_probe) */
    bool has[HEALTH_FILES];  /* the state file exists and its daemon runs */
    bool odd[HEALTH_FILES];  /* the path is not a plain file of the daemon (state_file_read: EBADMSG) */
    char text[HEALTH_FILES][STATE_FILE_MAX + 1];
};

/* Name of the file's daemon: "gate", "enroll", … */
const char *health_name(enum health_file file);

/*
 * A killed daemon leaves its last state file behind. Try to connect to the control sockets: where nobody listens,
 * health_read ignores the state file. Never blocks; on any other error the daemon counts as alive.
 */
void health_probe(struct health *h, const char *root);

/* Read all state files below root ("" on the box). *h must be zeroed before the first call; it may be reused. */
void health_read(struct health *h, const char *root);

/* Value of a key; "" if the file or the key is missing. Points to a static buffer, valid until the next call. */
const char *health_get(const struct health *h, enum health_file file, const char *key);
bool health_is(const struct health *h, enum health_file file, const char *key, const char *value);

/* A headline or a problem: a cause, and the detail that the program itself reports. */
struct health_problem {
    enum cause_code code;
    struct cause detail; /* CAUSE_NONE: no detail, or it is in words */
    char words[512]; /* names of services, networks; "": none */
};

/* What the box is doing: exactly one. */
void health_headline(const struct health *h, struct health_problem *out);
/* What is wrong: fills at most max, returns the number filled. */
size_t health_problems(const struct health *h, struct health_problem *out, size_t max);
/* Does a person have to act? Then `sekisho status` exits with 1. */
bool health_trouble(const struct health_problem *p);

/* Parse a cause from a state file; CAUSE_UNKNOWN if it cannot be parsed. False, and CAUSE_NONE: the text is empty. */
bool health_cause(const char *line, struct cause *out);

/* As text (health_text.c): the sentence with its detail, and what to do ("": nothing). Both return out. */
const char *health_sentence(const struct health_problem *p, enum cause_lang lang, char *out, size_t size);
const char *health_action(const struct health_problem *p, enum cause_lang lang, char out[CAUSE_TEXT_MAX]);

#endif
