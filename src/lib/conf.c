/* The line-fed parser: lines, sections, keys, and the mistakes in them. What the keys mean is in the tables. */
#include "conf_parse.h"
#include "text.h"
#include "zone.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECTION_NONE (-1)    /* before the first section */
#define SECTION_IGNORED (-2) /* a section that was refused: its keys would only repeat the mistake */

void conf_report(struct conf_errors *errors, const char *file, unsigned line, const char *remedy, const char *fmt, ...)
{
    if (errors->count < CONF_ERRORS_MAX) {
        struct conf_error *e = &errors->list[errors->count];
        va_list ap;
        (void)snprintf(e->file, sizeof e->file, "%s", file);
        (void)snprintf(e->remedy, sizeof e->remedy, "%s", remedy);
        e->line = line;
        va_start(ap, fmt);
        (void)vsnprintf(e->wrong, sizeof e->wrong, fmt, ap);
        va_end(ap);
    }
    errors->count++;
}

void conf_fail(struct conf_parser *p, const char *remedy, const char *fmt, ...)
{
    char wrong[sizeof p->errors->list[0].wrong];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(wrong, sizeof wrong, fmt, ap);
    va_end(ap);
    conf_report(p->errors, p->file, p->line, remedy, "%s", wrong);
}

static const struct conf_kind *kind_of(const struct conf_parser *p)
{
    return p->site ? &conf_kind_site : &conf_kind_service;
}

static uint64_t key_bit(size_t index)
{
    return 1ULL << index;
}

/* A section is named by the index of its first key; its own bits are those above the keys'. */
static uint64_t section_bit(const struct conf_kind *kind, int section)
{
    unsigned ordinal = 0;
    for (int i = 1; i <= section; i++)
        ordinal += strcmp(kind->keys[i].section, kind->keys[i - 1].section) != 0;
    return 1ULL << (CONF_KEYS_MAX + ordinal);
}

bool conf_seen(const struct conf_parser *p, const char *section, const char *key)
{
    const struct conf_kind *kind = kind_of(p);
    for (size_t i = 0; i < kind->count; i++)
        if (strcmp(kind->keys[i].section, section) == 0 && strcmp(kind->keys[i].name, key) == 0)
            return p->seen & key_bit(i);
    return false;
}

/* What is quoted in messages must be printable; only the tab, as white space, is let in besides. */
static bool text_ok(const char *text, size_t len)
{
    while (len > 0) {
        size_t n = *text == '\t' ? 1 : text_printable(text, len);
        if (n == 0)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

/* Cut blanks at both ends, in place; returns the new start. */
static char *trim(char *text)
{
    while (*text == ' ')
        text++;
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    return text;
}

static void take_section(struct conf_parser *p, char *line)
{
    const struct conf_kind *kind = kind_of(p);
    size_t len = strlen(line);
    p->section = SECTION_IGNORED;
    if (len < 3 || line[len - 1] != ']') {
        conf_fail(p, "Write a section as `[site]`, alone on its line.", "`%.60s` is not a section", line);
        return;
    }
    line[len - 1] = '\0';
    for (size_t i = 0; i < kind->count; i++) {
        if (strcmp(kind->keys[i].section, line + 1) != 0)
            continue;
        if (p->seen & section_bit(kind, (int)i)) {
            conf_fail(p, "Put all lines of one section together.", "the section [%.40s] is there twice", line + 1);
            return;
        }
        p->section = (int)i;
        p->seen |= section_bit(kind, (int)i);
        return;
    }
    conf_fail(p,
              p->site ? "A site file has the sections [site], [wan], [lan], [hosts] and [enroll]."
                      : "A service file has the sections [service], [tunnel], [dns] and [allow].",
              "there is no section [%.40s] in a %s", line + 1, kind->what);
}

/* The keys of the current section as "`a`, `b`", for the remedy of an unknown key. */
static void list_keys(const struct conf_kind *kind, int section, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = (size_t)section; i < kind->count; i++) {
        if (strcmp(kind->keys[i].section, kind->keys[section].section) != 0)
            break;
        int n = snprintf(out + used, size - used, "%s`%s`", used > 0 ? ", " : "", kind->keys[i].name);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

/* A sample's placeholder, `<ask the centre>`: refused with its own sentence, because the value's would not help. */
static bool is_placeholder(const char *value)
{
    size_t len = strlen(value);
    return len > 2 && value[0] == '<' && value[len - 1] == '>';
}

static void take_value(struct conf_parser *p, const struct conf_key *key, char *value)
{
    const char *wrong;
    if (*value == '\0')
        conf_fail(p, key->remedy, "`%s` has no value", key->name);
    else if (is_placeholder(value))
        conf_fail(p, key->remedy, "`%s` still has the sample's placeholder%s%.80s", key->name,
                  (key->flags & CONF_SECRET) ? "" : " ", (key->flags & CONF_SECRET) ? "" : value);
    else if (strstr(value, " #"))
        conf_fail(p, "Put the comment on a line of its own, above this one.", "`%s` has a comment after its value",
                  key->name);
    else if ((wrong = key->parse(p, value)) && (key->flags & CONF_SECRET))
        conf_fail(p, key->remedy, "the value of `%s` %s", key->name, wrong);
    else if (wrong)
        conf_fail(p, key->remedy, "`%s`: `%.64s` %s", key->name, value, wrong);
}

static void take_key(struct conf_parser *p, char *line)
{
    const struct conf_kind *kind = kind_of(p);
    char *equals = strchr(line, '=');
    if (!equals) {
        conf_fail(p, "Write `key = value`, `[section]`, or begin the line with # for a comment.",
                  "`%.60s` is neither a key with a value nor a section", line);
        return;
    }
    if (p->section == SECTION_IGNORED)
        return;
    *equals = '\0';
    char *name = trim(line), *value = trim(equals + 1);
    if (p->section == SECTION_NONE) {
        conf_fail(p, p->site ? "Begin the file with [site]." : "Begin the file with [service].",
                  "`%.40s` stands before the first section", name);
        p->section = SECTION_IGNORED;
        return;
    }
    const char *section = kind->keys[p->section].section;
    for (size_t i = (size_t)p->section; i < kind->count && strcmp(kind->keys[i].section, section) == 0; i++) {
        if (strcmp(kind->keys[i].name, name) != 0)
            continue;
        if ((p->seen & key_bit(i)) && !(kind->keys[i].flags & CONF_MANY)) {
            conf_fail(p, "Keep one of the lines and delete the other.", "`%s` is there twice", name);
            return;
        }
        p->seen |= key_bit(i);
        take_value(p, &kind->keys[i], value);
        return;
    }
    char keys[120], remedy[192];
    list_keys(kind, p->section, keys, sizeof keys);
    (void)snprintf(remedy, sizeof remedy, "The keys of [%s] are %s.", section, keys);
    conf_fail(p, remedy, "there is no key `%.40s` in [%s]", name, section);
}

void conf_line(struct conf_parser *p, const char *line, size_t len)
{
    char copy[CONF_LINE_MAX + 1];
    p->line++;
    /* What Windows editors add is harmless and is dropped: a byte order mark, a carriage return. */
    if (p->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len > CONF_LINE_MAX) {
        conf_fail(p, "Keep every line under 1024 bytes.", "the line is too long");
        return;
    }
    if (!text_ok(line, len)) {
        conf_fail(p, "Save the file as plain text in UTF-8.", "the line is not plain UTF-8 text");
        return;
    }
    /* A tab is white space like a blank; in a name that people see it would be a control character. */
    for (size_t i = 0; i < len; i++)
        copy[i] = line[i] == '\t' ? ' ' : line[i];
    copy[len] = '\0';
    char *text = trim(copy);
    if (*text == '\0' || *text == '#')
        return;
    if (*text == '[')
        take_section(p, text);
    else
        take_key(p, text);
}

static void begin(struct conf_parser *p, const char *file, struct conf_errors *errors)
{
    *p = (struct conf_parser){.file = file, .errors = errors, .section = SECTION_NONE};
}

void conf_site_begin(struct conf_parser *p, const char *file, struct conf_site *out, struct conf_errors *errors)
{
    begin(p, file, errors);
    p->site = out;
    *out = (struct conf_site){.idle_s = 600, .zone_min = ZONE_DEFAULT_MIN, .est_port = 443};
    (void)conf_parse_interface("192.168.77.1/24", &out->lan_address);
}

void conf_service_begin(struct conf_parser *p, const char *file, const char *name, struct conf_service *out,
                        struct conf_errors *errors)
{
    begin(p, file, errors);
    p->service = out;
    *out = (struct conf_service){0};
    (void)conf_copy(out->ike_proposal, sizeof out->ike_proposal, "aes256gcm16-prfsha384-ecp384");
    (void)conf_copy(out->esp_proposal, sizeof out->esp_proposal, "aes256gcm16-ecp384");
    if (!conf_is_short_name(name) || !conf_copy(out->name, sizeof out->name, name))
        conf_fail(p, "Name the file with lower-case letters, digits and hyphens, at most 31: `gtol.conf`.",
                  "`%.60s` cannot be a service's name", name);
}

void conf_end(struct conf_parser *p)
{
    const struct conf_kind *kind = kind_of(p);
    p->line = 0;
    for (size_t i = 0; i < kind->count; i++)
        if ((kind->keys[i].flags & CONF_REQUIRED) && !(p->seen & key_bit(i)))
            conf_fail(p, kind->keys[i].remedy, "`%s` is missing in [%s]", kind->keys[i].name, kind->keys[i].section);
    kind->end(p);
}
