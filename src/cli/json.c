#include "json.h"
#include "cause_text.h"
#include "text.h"
#include "zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void string(const char *text)
{
    size_t len = strlen(text);
    putchar('"');
    while (len > 0) {
        size_t n = text_printable(text, len);
        if (n == 0) {
            /* An octet that is not valid UTF-8 is written as the code point with its value. */
            (void)printf("\\u%04x", (unsigned char)*text);
            n = 1;
        } else {
            if (*text == '"' || *text == '\\')
                putchar('\\');
            (void)fwrite(text, 1, n, stdout);
        }
        text += n;
        len -= n;
    }
    putchar('"');
}

static void before(struct json *j, const char *key)
{
    if (j->comma)
        putchar(',');
    j->comma = true;
    if (key) {
        string(key);
        putchar(':');
    }
}

void json_open(struct json *j, const char *key, char bracket)
{
    before(j, key);
    putchar(bracket);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    putchar(bracket);
    j->comma = true;
}

void json_text(struct json *j, const char *key, const char *value)
{
    before(j, key);
    string(value);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    before(j, key);
    (void)printf("%" PRIu64, value);
}

void json_time(struct json *j, const char *key, int64_t when)
{
    char text[ZONE_TEXT_MAX];
    json_text(j, key, zone_stamp(when, text));
}

void json_bool(struct json *j, const char *key, bool value)
{
    before(j, key);
    (void)fputs(value ? "true" : "false", stdout);
}

static void open_cause(struct json *j, const char *key, enum cause_code code)
{
    enum cause_code follows = cause_follows(code);
    json_open(j, key, '{');
    json_text(j, "code", cause_word(code));
    json_text(j, "severity", cause_severity_word(code));
    json_bool(j, "person", cause_person(&(struct cause){.code = (uint16_t)code}));
    if (follows != CAUSE_NONE)
        json_text(j, "follows", cause_word(follows));
    json_open(j, "args", '{');
}

void json_cause(struct json *j, const char *key, const struct cause *cause)
{
    struct cause_arg a = {0};
    unsigned open = 1;
    open_cause(j, key, (enum cause_code)cause->code);
    while (cause_next(cause, &a)) {
        if (a.kind == 'c') { /* the following arguments belong to the nested cause */
            open_cause(j, a.key, cause_by_word(a.value));
            open++;
        } else if (a.kind == 'n' || a.kind == 'e') {
            json_number(j, a.key, strtoull(a.value, NULL, 10));
        } else if (a.kind == 't') {
            json_time(j, a.key, strtoll(a.value, NULL, 10));
        } else {
            json_text(j, a.key, a.value);
        }
    }
    while (open-- > 0) {
        json_close(j, '}');
        json_close(j, '}');
    }
}

void json_end(void)
{
    putchar('\n');
}
