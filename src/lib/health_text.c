/* The texts for the box's health: only for programs with human readers. */
#include "health.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

const char *health_sentence(const struct health_problem *p, enum cause_lang lang, char *out, size_t size)
{
    char detail[CAUSE_TEXT_MAX] = "";
    const char *text = cause_column(p->code, lang, CAUSE_WRONG);
    if (p->detail.code != CAUSE_NONE)
        (void)cause_sentence(&p->detail, lang, CAUSE_WRONG, detail);
    else
        (void)text_escape(detail, sizeof detail, p->words, strlen(p->words));
    if (detail[0] == '\0')
        (void)snprintf(out, size, "%s%s", text, lang == CAUSE_JA ? "。" : ".");
    else
        (void)snprintf(out, size, "%s%s%s", text, lang == CAUSE_JA ? ":" : ": ", detail);
    return out;
}

/* The detail's advice is more specific than that of the situation, so it takes precedence. */
const char *health_action(const struct health_problem *p, enum cause_lang lang, char out[CAUSE_TEXT_MAX])
{
    (void)cause_sentence(&p->detail, lang, CAUSE_DO, out);
    if (out[0] == '\0')
        (void)snprintf(out, CAUSE_TEXT_MAX, "%s", cause_column(p->code, lang, CAUSE_DO));
    return out;
}
