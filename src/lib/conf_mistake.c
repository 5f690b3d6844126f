/* The parser's functions for the value parsers and the tables: mistakes, and which keys were seen. */
#include "conf_parse.h"

#include <stdio.h>
#include <string.h>

void conf_mistake(struct conf_errors *errors, const char *file, unsigned line, enum cause_code remedy,
                  enum cause_code wrong, const char *const args[])
{
    if (errors->count < CONF_ERRORS_MAX) {
        struct conf_error *e = &errors->list[errors->count];
        (void)snprintf(e->file, sizeof e->file, "%s", file);
        e->line = line;
        e->remedy = remedy;
        cause_fill(&e->wrong, wrong, NULL, args);
    }
    errors->count++;
}

void conf_also(struct conf_parser *p, unsigned place, const char *text)
{
    (void)snprintf(p->also[place], sizeof p->also[place], "%s", text);
}

void conf_first_mistake(const struct conf_errors *errors, struct cause *out)
{
    const struct conf_error *e = &errors->list[0];
    const char *remedy = cause_word(e->remedy);
    if (errors->count == 0)
        cause_set(out, CAUSE_NONE, NULL);
    else if (e->line > 0)
        cause_because(out, CAUSE_FILE_WRONG, &e->wrong, e->file, CAUSE_NUMBER(e->line), remedy, NULL);
    else
        cause_because(out, CAUSE_FILE_UNUSABLE, &e->wrong, e->file, remedy, NULL);
}

unsigned conf_key_line(const struct conf_parser *p, size_t key)
{
    return p->seen & conf_key_bit(key) ? p->lines[key] : 0;
}

bool conf_seen(const struct conf_parser *p, const char *section, const char *key)
{
    const struct conf_kind *kind = p->kind;
    for (size_t i = 0; i < kind->count; i++)
        if (strcmp(kind->keys[i].section, section) == 0 && strcmp(kind->keys[i].name, key) == 0)
            return p->seen & conf_key_bit(i);
    return false;
}
