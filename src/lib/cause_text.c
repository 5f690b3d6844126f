#include "cause_text.h"
#include "zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The four text columns of each entry, in one string (as in cause.c). */
static const char *const texts = "\0\0\0\0"
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA)                            \
    EN "\0" JA "\0" DO_EN "\0" DO_JA "\0"
#include "cause.def"
    ;

static const struct {
    uint16_t follows, visible_s;
} facts[CAUSE_CODES] = {
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA)                            \
    [CAUSE_##NAME] = {CAUSE_##FOLLOWS, VISIBLE_S},
#include "cause.def"
};

enum cause_code cause_follows(enum cause_code code)
{
    return code < CAUSE_CODES ? (enum cause_code)facts[code].follows : CAUSE_NONE;
}

unsigned cause_visible_s(enum cause_code code)
{
    return code < CAUSE_CODES ? facts[code].visible_s : 0;
}

const char *cause_severity_word(enum cause_code code)
{
    static const char *const names[] = {"information", "warning", "fault"};
    return names[cause_severity(code)];
}

const char *cause_column(enum cause_code code, enum cause_lang lang, enum cause_part part)
{
    const char *at = texts;
    unsigned skip = code < CAUSE_CODES ? 4 * code + 2 * part + lang : 0;
    for (unsigned i = 0; i < skip; i++)
        at += strlen(at) + 1;
    return at;
}

/* ---- arguments ---- */

/* errno values that a person can act on; the others use strerror's text. */
static const char *error_text(int error, enum cause_lang lang)
{
    static const struct {
        int error;
        const char *ja;
    } known[] = {
        {ENOSPC, "空き容量がありません"},   {EROFS, "読み取り専用です"},        {EIO, "読み書きエラー"},
        {EACCES, "権限がありません"},       {ENOENT, "ファイルがありません"},   {ECONNREFUSED, "接続が拒否されました"},
        {ETIMEDOUT, "応答がありません"},    {EHOSTUNREACH, "相手に届きません"}, {ENETUNREACH, "経路がありません"},
        {ECONNRESET, "相手が切断しました"}, {ENOTDIR, "フォルダではありません"}};
    for (size_t i = 0; lang == CAUSE_JA && i < sizeof known / sizeof known[0]; i++)
        if (known[i].error == error)
            return known[i].ja;
    return strerror(error);
}

struct args {
    unsigned count;
    char kind[CAUSE_ARGS_MAX];
    const char *value[CAUSE_ARGS_MAX];
};

struct out {
    char *text;
    size_t len;
};

static void put(struct out *o, const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && o->len + n >= CAUSE_TEXT_MAX)
        n--;
    memcpy(o->text + o->len, text, n);
    o->len += n;
    o->text[o->len] = '\0';
}

static void fill(struct out *o, const char *column, const struct args *args, unsigned first, enum cause_lang lang,
                 enum cause_part part);

static void put_arg(struct out *o, const struct args *args, unsigned i, enum cause_lang lang, enum cause_part part)
{
    char stamp[ZONE_TEXT_MAX];
    const char *value = args->value[i];
    enum cause_code code;
    switch (args->kind[i]) {
    case 't': put(o, zone_minute(strtoll(value, NULL, 10), stamp)); break;
    case 'e': put(o, error_text((int)strtol(value, NULL, 10), lang)); break;
    case 'r': put(o, cause_column(cause_by_word(value), lang, CAUSE_WRONG)); break;
    case 'c':
        code = cause_by_word(value);
        fill(o, cause_column(code, lang, part), args, i + 1, lang, part);
        break;
    default:
        if (*value == '\0' && o->len > 0 && o->text[o->len - 1] == ' ')
            o->text[--o->len] = '\0'; /* empty value: remove the blank before it */
        put(o, value);
    }
}

/* Expand a column with the arguments from `first` on. */
static void fill(struct out *o, const char *column, const struct args *args, unsigned first, enum cause_lang lang,
                 enum cause_part part)
{
    for (; *column; column++) {
        char one[2] = {*column};
        unsigned i = first + (unsigned)(column[1] - '1');
        if (*column == '%' && column[1] >= '1' && column[1] <= '9' && i < args->count) {
            put_arg(o, args, i, lang, part);
            column++;
        } else {
            put(o, one);
        }
    }
}

const char *cause_text(const struct cause *c, enum cause_lang lang, enum cause_part part, char out[CAUSE_TEXT_MAX])
{
    struct args args = {0};
    struct cause_arg a = {0};
    struct out o = {out, 0};
    out[0] = '\0';
    if (!cause_valid(c))
        return out;
    while (cause_next(c, &a)) {
        args.kind[args.count] = a.kind;
        args.value[args.count++] = a.value;
    }
    /* The cause's own text or, if it is empty, that of the nested cause, and so on. */
    enum cause_code code = (enum cause_code)c->code;
    unsigned first = 0;
    for (unsigned i = 0; part == CAUSE_DO && i < args.count && !*cause_column(code, lang, part); i++)
        if (args.kind[i] == 'c') {
            code = cause_by_word(args.value[i]);
            first = i + 1;
        }
    fill(&o, cause_column(code, lang, part), &args, first, lang, part);
    return out;
}

const char *cause_sentence(const struct cause *c, enum cause_lang lang, enum cause_part part, char out[CAUSE_TEXT_MAX])
{
    (void)cause_text(c, lang, part, out);
    struct out o = {out, strlen(out)};
    if (o.len == 0)
        return out;
    if (lang == CAUSE_EN) {
        out[0] = (char)toupper((unsigned char)out[0]);
        if (!strchr(".:?", out[o.len - 1]))
            put(&o, ".");
    } else if (o.len < 3 || strcmp(out + o.len - 3, "。") != 0) {
        put(&o, "。");
    }
    return out;
}
