/*
 * Causes: what the box tells people, as a code with typed arguments. Programs store and exchange codes only; the
 * sentence is made where a person reads it (cause_text.h), in the requested language. So a program that parses
 * untrusted bytes can only choose one of our sentences; its own free text is limited to 95 printable ASCII characters
 * per argument, which the sentence shows as a quotation.
 *
 * cause.def is the table. Columns of an entry:
 *
 *   word        stable identifier for scripts, state files and the audit log: `hub-refuses-cert`
 *   severity    FAULT: something does not work; WARNING: it works, but not as it should; INFO: nothing is wrong
 *   person      1: does not go away by itself, a person must act
 *   follows     a cause that explains this one when both are present; NONE
 *   visible_s   maximum time in seconds from the event until people can see it
 *   arguments   `key:kind …`; the kinds are listed in cause.def
 *   texts       what is wrong and what to do, in both languages
 *
 * In a state file or the audit log a cause is written as its word and its arguments. A nested cause comes last,
 * followed by its own arguments: `tunnel-failed service=lab why=est-unreachable server=est.example.jp port=443
 * error=111`.
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

/* The column visible_s as constants, for programs that wait that long before they publish. */
enum cause_visible {
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA)                            \
    CAUSE_VISIBLE_##NAME = (VISIBLE_S),
#include "cause.def"
};

enum cause_severity { CAUSE_SEVERITY_INFO, CAUSE_SEVERITY_WARNING, CAUSE_SEVERITY_FAULT };

#define CAUSE_ARGS_MAX 10  /* arguments, including those of nested causes */
#define CAUSE_ARGS_SIZE 318
#define CAUSE_WORD_MAX 32  /* with NUL */
#define CAUSE_LINE_MAX 480 /* as text, with NUL; fits into one line of a state file or of the audit log */
#define CAUSE_SHORT_MAX 96 /* one argument, with NUL; longer free text is cut */

/* The fixed-size form, also used in IPC messages. args: NUL-terminated strings in sequence, padded with zeros. */
struct cause {
    uint16_t code; /* enum cause_code; CAUSE_NONE: no cause */
    char args[CAUSE_ARGS_SIZE];
};

/*
 * Fill *c. args: the values as text, terminated by NULL; CAUSE_NUMBER formats numbers. A value that is not of its
 * kind is replaced by one that is (`?`, 0), so the result is always valid. `set` is for causes without a nested
 * cause, `because` for those whose last argument is one.
 */
void cause_fill(struct cause *c, enum cause_code code, const struct cause *why, const char *const args[]);
#define cause_set(c, code, ...) cause_fill((c), (code), NULL, (const char *const[]){__VA_ARGS__})
#define cause_because(c, code, why, ...) cause_fill((c), (code), (why), (const char *const[]){__VA_ARGS__})
void cause_system(struct cause *c, int error); /* `error` is errno */
const char *cause_number(char out[24], int64_t number);
#define CAUSE_NUMBER(number) cause_number((char[24]){0}, (number))

/* A constant cause without arguments, as an expression. */
#define CAUSE_OF(CODE) (&(const struct cause){.code = (uint16_t)(CODE)})

bool cause_is(const struct cause *c, enum cause_code code); /* compares the outer cause only, not a nested one */
bool cause_equal(const struct cause *a, const struct cause *b);
/* Check a received cause: known code, number and kinds of its arguments, only zeros after them. NONE is valid. */
bool cause_valid(const struct cause *c);
bool cause_person(const struct cause *c); /* the column person */
enum cause_severity cause_severity(enum cause_code code);
/* May `enroll net` report this cause? It parses untrusted bytes, so only `est-…` causes and what they may contain. */
bool cause_of_est(const struct cause *c);

/* Write as text; "" for NONE. Returns out. */
const char *cause_line(const struct cause *c, char out[CAUSE_LINE_MAX]);
/* Parse that text. False, and *c is NONE: unknown word, or wrong number, keys or kinds of arguments. */
bool cause_parse(const char *line, struct cause *c);

const char *cause_word(enum cause_code code); /* "" for NONE and for an unknown code */
enum cause_code cause_by_word(const char *word); /* CAUSE_NONE for an unknown word */
const char *cause_spec(enum cause_code code); /* the column arguments */

/* Iterate over the arguments: zero *arg before the first call. False: there are no more. */
struct cause_arg {
    char key[CAUSE_WORD_MAX];
    char kind;
    const char *value;
    const char *next, *spec; /* private: position of the iterator */
};
bool cause_next(const struct cause *c, struct cause_arg *arg);

#endif
