#include "json.h"
#include "text.h"
#include "zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void string(const char *text)
{
    size_t len = strlen(text);
    putchar('"');
    while (len > 0) {
        size_t n = text_printable(text, len);
        if (n == 0) {
            /* An octet that is no text at all is shown as the code point of its value. */
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

void json_end(void)
{
    putchar('\n');
}
