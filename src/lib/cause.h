/*
 * Causes: what the box tells people, as a code with arguments. The programs hold and pass on codes only; the sentences are
 * made of them where a person reads (cause_text.h), in the language that was asked for. So a program that reads strangers'
 * bytes can choose one of our sentences; of words of its own it can put at most 95 printable ASCII characters into
 * a place that the sentence shows as quoted.
 *
 * cause.def is the table, one entry each:
 *
 *   word        stable, for scripts, state files, the audit log: `hub-refuses-cert`
 *   severity    FAULT: something does not work; WARNING: it works, but not as it should; INFO: nothing is wrong
 *   person      1: does not get better by waiting, somebody must act
 *   follows     another cause that this one is a mere consequence of, where both are there; NONE
 *   visible_s   so many seconds after it has begun at the latest, people can see it
 *   arguments   `key:kind …`; kinds as cause.def says
 *   texts       what is wrong and what to do, in both languages
 *
 * As text, in a state file or the audit log, a cause is its word and its arguments: `tunnel-failed service=lab
 * why=est-unreachable server=est.example.jp port=443 error=111`: what another cause brings along follows it.
 */
#ifndef SEKISHO_CAUSE_H
#define SEKISHO_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cause_code {
    CAUSE_NONE,
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA) CAUSE_##NAME,
#include "cause.def"
    CAUSE_CODES
};

/* Seconds until people see it: for the programs that wait so long. */
enum cause_visible {
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA)                            \
    CAUSE_VISIBLE_##NAME = (VISIBLE_S),
#include "cause.def"
};

enum cause_severity { CAUSE_SEVERITY_INFO, CAUSE_SEVERITY_WARNING, CAUSE_SEVERITY_FAULT };

#define CAUSE_ARGS_MAX 10  /* arguments, those of the causes in it included */
#define CAUSE_ARGS_SIZE 318
#define CAUSE_WORD_MAX 32  /* with NUL */
#define CAUSE_LINE_MAX 480 /* as text, with NUL; fits a line of the state file and of the audit log */
#define CAUSE_SHORT_MAX 96 /* of one argument that is anybody's text: cut there */

/* The fixed form, also between processes. The arguments one behind the other, each with its NUL, zeros behind them. */
struct cause {
    uint16_t code; /* enum cause_code; CAUSE_NONE: there is none */
    char args[CAUSE_ARGS_SIZE];
};

/*
 * The arguments as text, ended by NULL; numbers by CAUSE_NUMBER. What is not of its kind becomes something that is (`?`, 0):
 * a cause is never wrong. `set` is for causes whose last argument is no cause, `because` for the others.
 */
void cause_fill(struct cause *c, enum cause_code code, const struct cause *why, const char *const args[]);
#define cause_set(c, code, ...) cause_fill((c), (code), NULL, (const char *const[]){__VA_ARGS__})
#define cause_because(c, code, why, ...) cause_fill((c), (code), (why), (const char *const[]){__VA_ARGS__})
void cause_system(struct cause *c, int error); /* `error` is errno */
const char *cause_number(char out[24], int64_t number);
#define CAUSE_NUMBER(number) cause_number((char[24]){0}, (number))

/* One that needs no arguments, where it is needed once. */
#define CAUSE_OF(CODE) (&(const struct cause){.code = (uint16_t)(CODE)})

bool cause_is(const struct cause *c, enum cause_code code); /* itself, not what is in it */
bool cause_equal(const struct cause *a, const struct cause *b);
/* What somebody else has sent: known code, right number and kinds of arguments, nothing behind them. NONE is good too. */
bool cause_valid(const struct cause *c);
bool cause_person(const struct cause *c);
enum cause_severity cause_severity(enum cause_code code);
/* May `enroll net` say this? It reads strangers' bytes: it has its own causes, and those that are part of them. */
bool cause_of_est(const struct cause *c);

/* As text; "" for NONE. Returns out. */
const char *cause_line(const struct cause *c, char out[CAUSE_LINE_MAX]);
/* Back; false, and NONE: it is none, by word, number, key or kind. */
bool cause_parse(const char *line, struct cause *c);

const char *cause_word(enum cause_code code); /* "" for NONE and what is none */
enum cause_code cause_by_word(const char *word);
const char *cause_spec(enum cause_code code); /* its arguments, as in the table */

/* The arguments one by one: begin with NULL; kind and key are of the next one. False: there is no other. */
struct cause_arg {
    char key[CAUSE_WORD_MAX];
    char kind;
    const char *value;
    const char *next, *spec; /* inside */
};
bool cause_next(const struct cause *c, struct cause_arg *arg);

#endif
