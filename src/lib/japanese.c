#include "japanese.h"

#include <stdio.h>
#include <string.h>

#define CAPTURES_MAX 4
#define DEPTH_MAX 4 /* a sentence in a sentence in … */

struct capture {
    const char *at;
    size_t len;
};

/* Does the text follow the pattern? Each %s takes as little as it can; the last one the rest. */
static bool matches(const char *pattern, const char *text, struct capture out[CAPTURES_MAX])
{
    unsigned n = 0;
    const char *hole;
    while ((hole = strstr(pattern, "%s"))) {
        size_t head = (size_t)(hole - pattern);
        if (n == CAPTURES_MAX || strncmp(pattern, text, head) != 0)
            return false;
        text += head;
        pattern = hole + 2;
        const char *next = strstr(pattern, "%s");
        size_t len = next ? (size_t)(next - pattern) : strlen(pattern);
        char until[128];
        (void)snprintf(until, sizeof until, "%.*s", (int)len, pattern);
        const char *end = len > 0 ? strstr(text, until) : text + strlen(text);
        if (!end)
            return false;
        out[n].at = text;
        out[n++].len = (size_t)(end - text);
        text = end;
    }
    return strcmp(pattern, text) == 0;
}

static bool translate(const char *english, char *out, size_t size, unsigned depth);

/* Put the captures into the Japanese. False: there is no room, or a part that has no translation. */
static bool fill(const char *ja, const struct capture *captures, char *out, size_t size, unsigned depth)
{
    size_t len = 0;
    for (; *ja; ja++) {
        char part[JAPANESE_MAX] = {*ja};
        if (strchr("%=~", *ja) && ja[1] >= '1' && ja[1] <= '0' + CAPTURES_MAX) {
            const struct capture *c = &captures[ja[1] - '1'];
            char word[JAPANESE_MAX];
            (void)snprintf(word, sizeof word, "%.*s", (int)c->len, c->at);
            bool known = *ja != '%' && depth > 0 && translate(word, part, sizeof part, depth - 1);
            if (!known && *ja == '=')
                return false;
            if (!known)
                memcpy(part, word, sizeof part);
            ja++;
        }
        int n = snprintf(out + len, size - len, "%s", part);
        if (n < 0 || (size_t)n >= size - len)
            return false;
        len += (size_t)n;
    }
    return true;
}

static bool translate(const char *english, char *out, size_t size, unsigned depth)
{
    static const struct japanese_sentence *const tables[] = {japanese_conf, japanese_box};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct japanese_sentence *s = tables[t]; s->en; s++) {
            struct capture captures[CAPTURES_MAX] = {0};
            if (matches(s->en, english, captures) && fill(s->ja, captures, out, size, depth))
                return true;
        }
    out[0] = '\0';
    return false;
}

bool japanese(const char *english, char *out, size_t size)
{
    char text[JAPANESE_MAX];
    size_t len = strlen(english);
    while (len > 0 && english[len - 1] == ' ')
        len--;
    out[0] = '\0';
    if (len >= sizeof text)
        return false;
    (void)snprintf(text, sizeof text, "%.*s", (int)len, english);
    return translate(text, out, size, DEPTH_MAX);
}
