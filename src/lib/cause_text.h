/* The sentences of the causes. Only programs that people read from use them; the others need codes alone (cause.h). */
#ifndef SEKISHO_CAUSE_TEXT_H
#define SEKISHO_CAUSE_TEXT_H

#include "cause.h"

#define CAUSE_TEXT_MAX 1024 /* octets that any sentence fits into, with NUL */

enum cause_lang { CAUSE_EN, CAUSE_JA };
enum cause_part {
    CAUSE_WRONG,
    CAUSE_DO
}; /* what is wrong; what to do (that of the cause in it, if it has none itself) */

/* The text, without a final mark unless it has one in the table; "" if there is none. Returns out. */
const char *cause_text(const struct cause *c, enum cause_lang lang, enum cause_part part, char out[CAUSE_TEXT_MAX]);
/* As a sentence: a capital at its beginning, a final mark at its end. */
const char *cause_sentence(const struct cause *c, enum cause_lang lang, enum cause_part part, char out[CAUSE_TEXT_MAX]);
/* The text of the table itself, with its %1. */
const char *cause_column(enum cause_code code, enum cause_lang lang, enum cause_part part);

enum cause_code cause_follows(enum cause_code code);
unsigned cause_visible_s(enum cause_code code);
const char *cause_severity_word(enum cause_code code); /* "fault", "warning", "information" */

#endif
