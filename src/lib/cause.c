#include "cause.h"
#include "conf_parse.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words and arguments in one string, not a table of pointers, which relocation would make private to each process. */
static const char *const words = "\0\0"
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA) WORD "\0" ARGS "\0"
#include "cause.def"
    ;

#define PERSON_BIT 4
static const uint8_t flags[CAUSE_CODES] = {
#define CAUSE(NAME, WORD, SEVERITY, PERSON, FOLLOWS, VISIBLE_S, ARGS, EN, JA, DO_EN, DO_JA)                            \
    [CAUSE_##NAME] = CAUSE_SEVERITY_##SEVERITY | ((PERSON) ? PERSON_BIT : 0),
#include "cause.def"
};

static const char *behind(const char *text)
{
    return text + strlen(text) + 1;
}

const char *cause_word(enum cause_code code)
{
    const char *at = words;
    for (unsigned i = 0; i < code && code < CAUSE_CODES; i++)
        at = behind(behind(at));
    return at;
}

const char *cause_spec(enum cause_code code)
{
    return behind(cause_word(code));
}

enum cause_code cause_by_word(const char *word)
{
    const char *at = words;
    for (unsigned i = 0; i < CAUSE_CODES; i++, at = behind(behind(at)))
        if (i != CAUSE_NONE && strcmp(at, word) == 0)
            return (enum cause_code)i;
    return CAUSE_NONE;
}

enum cause_severity cause_severity(enum cause_code code)
{
    return code < CAUSE_CODES ? (enum cause_severity)(flags[code] & ~PERSON_BIT) : CAUSE_SEVERITY_FAULT;
}

bool cause_is(const struct cause *c, enum cause_code code)
{
    return c->code == code;
}

bool cause_equal(const struct cause *a, const struct cause *b)
{
    return a->code == b->code && memcmp(a->args, b->args, sizeof a->args) == 0;
}

bool cause_person(const struct cause *c)
{
    return c->code < CAUSE_CODES && (flags[c->code] & PERSON_BIT);
}

/* ---- arguments by kind ---- */

/* Take the first `key:kind` from *spec and advance it. False: there is none. */
static bool next_spec(const char **spec, char key[CAUSE_WORD_MAX], char *kind)
{
    size_t len = strcspn(*spec, ":");
    if (len == 0 || len >= CAUSE_WORD_MAX || (*spec)[len] == '\0')
        return false;
    memcpy(key, *spec, len);
    key[len] = '\0';
    *kind = (*spec)[len + 1];
    *spec += len + 2;
    *spec += **spec == ' ';
    return true;
}

static bool number_ok(const char *text, bool sign)
{
    const char *digits = text + (sign && *text == '-');
    size_t len = strlen(digits);
    return len > 0 && len < 19 && strspn(digits, "0123456789") == len;
}

/* Characters of kind h, a host or file name: none needs escaping in a line of text. */
static bool name_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("%=+\"", c);
}

static bool each(const char *text, bool (*good)(char c))
{
    for (; *text; text++)
        if (!good(*text))
            return false;
    return true;
}

static bool words_char(char c)
{
    return c >= ' ' && c < 0x7f;
}

static bool is_utf8(const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        size_t n = text_printable(text, len);
        if (n == 0)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

static bool network_ok(const char *text)
{
    struct prefix p;
    return conf_parse_interface(text, &p);
}

/* Kinds c and r hold the word of a code. */
static bool kind_ok(char kind, const char *text)
{
    struct addr a;
    enum cause_code code;
    size_t len = strlen(text);
    switch (kind) {
    case 's': return len < CONF_NAME_MAX && conf_is_short_name(text);
    case 'n':
    case 'e': return number_ok(text, false);
    case 't': return number_ok(text, true);
    case 'a': return len < 46 && conf_parse_addr(text, &a);
    case 'p': return len < 50 && network_ok(text);
    case 'k': return len > 0 && len < CAUSE_WORD_MAX && each(text, name_char);
    case 'h': return len > 0 && len < CAUSE_SHORT_MAX && each(text, name_char);
    case 'w': return len < CAUSE_SHORT_MAX && each(text, words_char);
    case 'v': return len < CAUSE_SHORT_MAX && is_utf8(text);
    case 'r': code = cause_by_word(text); return code != CAUSE_NONE && *cause_spec(code) == '\0';
    case 'c': return cause_by_word(text) != CAUSE_NONE;
    default: return false;
    }
}

/* Make a value valid for its kind: cut if too long, unprintable characters become `?`. */
static void fit(char kind, const char *text, char out[CAUSE_SHORT_MAX])
{
    memset(out, 0, CAUSE_SHORT_MAX);
    size_t len = 0, max = kind == 'k' ? CAUSE_WORD_MAX : CAUSE_SHORT_MAX;
    for (const char *at = text; *at && len + 1 < max;) {
        size_t n = kind == 'v' ? text_printable(at, strlen(at)) : 1;
        bool good = kind == 'h' || kind == 'k' ? name_char(*at) : kind == 'v' ? n > 0 : words_char(*at);
        if (n == 0)
            n = 1;
        if (len + n + 1 > max)
            break;
        memcpy(out + len, good ? at : "?", good ? n : 1);
        len += good ? n : 1;
        at += n;
    }
    out[len] = '\0';
    if (kind_ok(kind, out))
        return;
    static const struct {
        char kind;
        const char *text;
    } least[] = {{'s', "unknown"}, {'n', "0"},         {'e', "0"}, {'t', "0"},
                 {'a', "0.0.0.0"}, {'p', "0.0.0.0/0"}, {'h', "?"}, {'k', "?"}};
    for (size_t i = 0; i < sizeof least / sizeof least[0]; i++)
        if (least[i].kind == kind)
            (void)snprintf(out, CAUSE_SHORT_MAX, "%s", least[i].text);
}

/* ---- setting ---- */

/* Append an argument. False: no room; the whole cause then becomes CAUSE_UNKNOWN. */
static bool append(struct cause *c, size_t *len, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n > sizeof c->args - *len)
        return false;
    memcpy(c->args + *len, text, n);
    *len += n;
    return true;
}

/* Octets used by the arguments, with their NULs. */
static size_t args_len(const struct cause *c)
{
    struct cause_arg a = {0};
    const char *end = c->args;
    while (cause_next(c, &a))
        end = a.next;
    return (size_t)(end - c->args);
}

void cause_fill(struct cause *c, enum cause_code code, const struct cause *why, const char *const args[])
{
    struct cause out = {.code = (uint16_t)code};
    const char *spec = cause_spec(code);
    char key[CAUSE_WORD_MAX], kind, one[CAUSE_SHORT_MAX];
    size_t len = 0;
    bool good = true;
    while (good && next_spec(&spec, key, &kind)) {
        if (kind == 'c') {
            struct cause none = {.code = CAUSE_UNKNOWN};
            const struct cause *part = why && why->code ? why : &none;
            size_t more = args_len(part);
            good = append(&out, &len, cause_word((enum cause_code)part->code)) && more <= sizeof out.args - len;
            if (good)
                memcpy(out.args + len, part->args, more);
            break;
        }
        fit(kind, *args ? *args : "", one);
        args += *args != NULL;
        good = append(&out, &len, one);
    }
    if (!good || !cause_valid(&out))
        out = (struct cause){.code = code == CAUSE_NONE ? CAUSE_NONE : CAUSE_UNKNOWN};
    *c = out;
}

void cause_system(struct cause *c, int error)
{
    cause_set(c, CAUSE_SYSTEM, CAUSE_NUMBER(error), NULL);
}

const char *cause_number(char out[24], int64_t number)
{
    (void)snprintf(out, 24, "%lld", (long long)number);
    return out;
}

/* ---- reading ---- */

bool cause_next(const struct cause *c, struct cause_arg *arg)
{
    if (!arg->spec) {
        arg->spec = cause_spec((enum cause_code)c->code);
        arg->next = c->args;
    }
    if (!next_spec(&arg->spec, arg->key, &arg->kind))
        return false;
    size_t room = sizeof c->args - (size_t)(arg->next - c->args);
    size_t len = strnlen(arg->next, room);
    if (len == room)
        return false;
    arg->value = arg->next;
    arg->next += len + 1;
    if (arg->kind == 'c')
        arg->spec = cause_spec(cause_by_word(arg->value));
    return true;
}

bool cause_valid(const struct cause *c)
{
    struct cause_arg a = {0};
    unsigned count = 0;
    if (c->code >= CAUSE_CODES)
        return false;
    a.spec = cause_spec((enum cause_code)c->code);
    a.next = c->args;
    while (*a.spec) /* each argument of the table must be present and NUL-terminated */
        if (!cause_next(c, &a) || ++count > CAUSE_ARGS_MAX || !kind_ok(a.kind, a.value))
            return false;
    for (const char *rest = a.next; rest < c->args + sizeof c->args; rest++)
        if (*rest)
            return false;
    char line[CAUSE_LINE_MAX];
    return c->code == CAUSE_NONE ||
           *cause_line(c, line) != '\0'; /* a cause too long for a line could not be published */
}

bool cause_of_est(const struct cause *c)
{
    static const char est[] = "est-";
    struct cause_arg a = {0};
    if (c->code != CAUSE_NONE && strncmp(cause_word((enum cause_code)c->code), est, sizeof est - 1) != 0)
        return false;
    while (cause_next(c, &a))
        if (a.kind == 'c' && strcmp(a.value, "words") != 0 && strcmp(a.value, "system") != 0 &&
            strncmp(a.value, est, sizeof est - 1) != 0)
            return false;
    return true;
}

/* ---- as text: a blank is written as `+`, ambiguous characters as %XX ---- */

static bool put(char *out, size_t *len, const char *text, bool coded)
{
    for (; *text; text++) {
        bool plain = !coded || !strchr("%+=\"", *text);
        size_t n = plain ? 1 : 3;
        if (*len + n >= CAUSE_LINE_MAX)
            return false;
        if (!plain)
            (void)snprintf(out + *len, 4, "%%%02x", (unsigned char)*text);
        else
            out[*len] = coded && *text == ' ' ? '+' : *text;
        *len += n;
    }
    return true;
}

const char *cause_line(const struct cause *c, char out[CAUSE_LINE_MAX])
{
    struct cause_arg a = {0};
    size_t len = 0;
    bool good = put(out, &len, cause_word((enum cause_code)c->code), false);
    while (good && cause_next(c, &a))
        good = put(out, &len, " ", false) && put(out, &len, a.key, false) && put(out, &len, "=", false) &&
               put(out, &len, a.value, true);
    out[good ? len : 0] = '\0';
    return out;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Read one value, up to the next blank. False: too long, or an invalid %XX. */
static bool take_value(const char **at, char out[CAUSE_SHORT_MAX])
{
    size_t len = 0;
    for (; **at && **at != ' '; ++*at) {
        char c = **at;
        if (c == '%') {
            int high = hex((*at)[1]), low = high < 0 ? -1 : hex((*at)[2]);
            if (low < 0 || (high | low) == 0)
                return false;
            c = (char)(high << 4 | low);
            *at += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (len + 1 == CAUSE_SHORT_MAX)
            return false;
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

/* Consume ` key=`. False: something else comes next. */
static bool take_key(const char **at, const char *key)
{
    size_t len = strlen(key);
    if (**at != ' ' || strncmp(*at + 1, key, len) != 0 || (*at)[len + 1] != '=')
        return false;
    *at += len + 2;
    return true;
}

static bool parse(const char *line, struct cause *c)
{
    char word[CAUSE_WORD_MAX], key[CAUSE_WORD_MAX], kind, value[CAUSE_SHORT_MAX];
    size_t len = strcspn(line, " "), used = 0;
    unsigned count = 0;
    if (len >= sizeof word)
        return false;
    (void)snprintf(word, sizeof word, "%.*s", (int)len, line);
    enum cause_code code = cause_by_word(word);
    if (code == CAUSE_NONE)
        return false;
    c->code = (uint16_t)code;
    line += len;
    for (const char *spec = cause_spec(code); next_spec(&spec, key, &kind);) {
        if (++count > CAUSE_ARGS_MAX || !take_key(&line, key) || !take_value(&line, value) || !kind_ok(kind, value) ||
            !append(c, &used, value))
            return false;
        if (kind == 'c')
            spec = cause_spec(cause_by_word(value));
    }
    return *line == '\0';
}

bool cause_parse(const char *line, struct cause *c)
{
    *c = (struct cause){0};
    bool good = parse(line, c);
    if (!good)
        *c = (struct cause){0};
    return good;
}
