/* The sentences of the causes. Only programs with human readers link them; the others need the codes only (cause.h). */
#ifndef SEKISHO_CAUSE_TEXT_H
#define SEKISHO_CAUSE_TEXT_H

#include "cause.h"

#define CAUSE_TEXT_MAX 1024 /* octets, with NUL; every sentence fits */

enum cause_lang { CAUSE_EN, CAUSE_JA };
enum cause_part {
    CAUSE_WRONG,
    CAUSE_DO
}; /* what is wrong; what to do (if the table has no advice for the cause itself, that of the nested cause) */

/* The text as in the table, with the arguments filled in; "" if there is none. Returns out. */
const char *cause_text(const struct cause *c, enum cause_lang lang, enum cause_part part, char out[CAUSE_TEXT_MAX]);
/* The same as a sentence: a capital letter at the beginning, a full stop at the end. Returns out. */
const char *cause_sentence(const struct cause *c, enum cause_lang lang, enum cause_part part, char out[CAUSE_TEXT_MAX]);
/* The raw text of the table, with its placeholders %1, %2 … */
const char *cause_column(enum cause_code code, enum cause_lang lang, enum cause_part part);

enum cause_code cause_follows(enum cause_code code);
unsigned cause_visible_s(enum cause_code code);
const char *cause_severity_word(enum cause_code code); /* "fault", "warning", "information" */

#endif
