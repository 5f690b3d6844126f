/*
 * The line-fed parser: lines, sections, keys, and mistakes. The tables define the keys (conf_site.c, conf_service.c).
 */
#include "conf_parse.h"
#include "text.h"
#include "zone.h"

#include <stdio.h>
#include <string.h>

#define SECTION_NONE (-1)    /* before the first section */
#define SECTION_IGNORED (-2) /* in a refused section: its keys would only repeat the mistake */

/* A section is identified by the index of its first key; its bits in `seen` are above those of the keys. */
static uint64_t section_bit(const struct conf_kind *kind, int section)
{
    unsigned ordinal = 0;
    for (int i = 1; i <= section; i++)
        ordinal += strcmp(kind->keys[i].section, kind->keys[i - 1].section) != 0;
    return 1ULL << (CONF_KEYS_MAX + ordinal);
}

/* Lines are quoted in messages, so they must be printable; the tab is allowed as white space. */
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

/* Trim blanks at both ends, in place. Returns the new start. */
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
    const struct conf_kind *kind = p->kind;
    size_t len = strlen(line);
    p->section = SECTION_IGNORED;
    if (len < 3 || line[len - 1] != ']') {
        conf_fail(p, CAUSE_WRITE_SECTION, CAUSE_SECTION_SYNTAX, line, NULL);
        return;
    }
    line[len - 1] = '\0';
    for (size_t i = 0; i < kind->count; i++) {
        if (strcmp(kind->keys[i].section, line + 1) != 0)
            continue;
        if (p->seen & section_bit(kind, (int)i)) {
            conf_fail(p, CAUSE_PUT_SECTION_TOGETHER, CAUSE_SECTION_TWICE, line + 1, NULL);
            return;
        }
        p->section = (int)i;
        p->seen |= section_bit(kind, (int)i);
        return;
    }
    conf_fail(p, p->site ? CAUSE_SECTIONS_OF_SITE : CAUSE_SECTIONS_OF_SERVICE,
              p->site ? CAUSE_SECTION_UNKNOWN_SITE : CAUSE_SECTION_UNKNOWN_SERVICE, line + 1, NULL);
}

/* The remedy for an unknown key: the list of keys that the section has. */
static enum cause_code keys_of(const char *section)
{
    char word[CAUSE_WORD_MAX];
    (void)snprintf(word, sizeof word, "keys-of-%s", section);
    return cause_by_word(word);
}

/* A placeholder of the sample files, `<ask the centre>`: it gets its own message, as the value's would not help. */
static bool is_placeholder(const char *value)
{
    size_t len = strlen(value);
    return len > 2 && value[0] == '<' && value[len - 1] == '>';
}

static void take_value(struct conf_parser *p, const struct conf_key *key, char *value)
{
    enum cause_code wrong;
    bool secret = key->flags & CONF_SECRET; /* never quote its value */
    p->remedy = CAUSE_NONE;                 /* an earlier line's, if that had one of its own */
    if (*value == '\0')
        conf_fail(p, key->remedy, CAUSE_VALUE_NONE, key->name, NULL);
    else if (is_placeholder(value) && secret)
        conf_fail(p, key->remedy, CAUSE_SECRET_PLACEHOLDER, key->name, NULL);
    else if (is_placeholder(value))
        conf_fail(p, key->remedy, CAUSE_VALUE_PLACEHOLDER, key->name, value, NULL);
    else if (strstr(value, " #"))
        conf_fail(p, CAUSE_COMMENT_ON_OWN_LINE, CAUSE_VALUE_COMMENT, key->name, NULL);
    else if ((wrong = key->parse(p, value)) != CAUSE_NONE && secret)
        conf_fail(p, p->remedy ? p->remedy : key->remedy, wrong, key->name, NULL);
    else if (wrong)
        conf_fail(p, p->remedy ? p->remedy : key->remedy, wrong, key->name, value, p->also[0], p->also[1], p->also[2],
                  p->also[3], NULL);
}

/*
 * Quote only what looks like a key: the rest may be the password (`password: …`, a full-width `=`, a value on the
 * next line).
 */
static bool like_a_key(const char *name)
{
    return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyz-")] == '\0';
}

static void take_key(struct conf_parser *p, char *line)
{
    const struct conf_kind *kind = p->kind;
    char *equals = strchr(line, '=');
    if (equals)
        *equals = '\0';
    char *name = trim(line), *value = equals ? trim(equals + 1) : line;
    if (!equals || !like_a_key(name)) {
        conf_fail(p, CAUSE_WRITE_KEY_VALUE, CAUSE_LINE_SYNTAX, NULL);
        return;
    }
    if (p->section == SECTION_IGNORED)
        return;
    if (p->section == SECTION_NONE) {
        conf_fail(p, p->site ? CAUSE_BEGIN_WITH_SITE : CAUSE_BEGIN_WITH_SERVICE, CAUSE_KEY_BEFORE_SECTION, name, NULL);
        p->section = SECTION_IGNORED;
        return;
    }
    const char *section = kind->keys[p->section].section;
    for (size_t i = (size_t)p->section; i < kind->count && strcmp(kind->keys[i].section, section) == 0; i++) {
        if (strcmp(kind->keys[i].name, name) != 0)
            continue;
        if ((p->seen & conf_key_bit(i)) && !(kind->keys[i].flags & CONF_MANY)) {
            conf_fail(p, CAUSE_KEEP_ONE_LINE, CAUSE_KEY_TWICE, name, NULL);
            return;
        }
        p->seen |= conf_key_bit(i);
        p->lines[i] = p->line;
        take_value(p, &kind->keys[i], value);
        return;
    }
    conf_fail(p, keys_of(section), CAUSE_KEY_UNKNOWN, name, section, NULL);
}

void conf_line(struct conf_parser *p, const char *line, size_t len)
{
    char copy[CONF_LINE_MAX + 1];
    p->line++;
    /* Windows editors add a byte order mark and carriage returns: drop them. */
    if (p->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len > CONF_LINE_MAX) {
        conf_fail(p, CAUSE_SHORTEN_LINE, CAUSE_LINE_TOO_LONG, NULL);
        return;
    }
    if (!text_ok(line, len)) {
        conf_fail(p, CAUSE_SAVE_AS_UTF8, CAUSE_LINE_NOT_TEXT, NULL);
        return;
    }
    /* A tab separates like a blank; inside a displayed name it would be a control character, so replace it. */
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

static void begin(struct conf_parser *p, const struct conf_kind *kind, const char *file, struct conf_errors *errors)
{
    *p = (struct conf_parser){.kind = kind, .file = file, .errors = errors, .section = SECTION_NONE};
}

void conf_site_begin(struct conf_parser *p, const char *file, struct conf_site *out, struct conf_errors *errors)
{
    begin(p, &conf_kind_site, file, errors);
    p->site = out;
    *out = (struct conf_site){.idle_s = 600, .zone_min = ZONE_DEFAULT_MIN, .est_port = 443};
    (void)conf_parse_interface("192.168.77.1/24", &out->lan_address);
}

void conf_service_begin(struct conf_parser *p, const char *file, const char *name, struct conf_service *out,
                        struct conf_errors *errors)
{
    begin(p, &conf_kind_service, file, errors);
    p->service = out;
    *out = (struct conf_service){0};
    (void)conf_copy(out->ike_proposal, sizeof out->ike_proposal, "aes256gcm16-prfsha384-ecp384");
    (void)conf_copy(out->esp_proposal, sizeof out->esp_proposal, "aes256gcm16-ecp384");
    if (!conf_is_short_name(name) || !conf_copy(out->name, sizeof out->name, name))
        conf_fail(p, CAUSE_RENAME_SERVICE_FILE, CAUSE_SERVICE_NAME_BAD, name, NULL);
}

void conf_end(struct conf_parser *p)
{
    const struct conf_kind *kind = p->kind;
    p->line = 0;
    for (size_t i = 0; i < kind->count; i++)
        if ((kind->keys[i].flags & CONF_REQUIRED) && !(p->seen & conf_key_bit(i)) &&
            !((kind->keys[i].flags & CONF_BOX) && p->service->by_pc))
            conf_fail(p, kind->keys[i].remedy, CAUSE_KEY_MISSING, kind->keys[i].name, kind->keys[i].section, NULL);
    kind->end(p);
}
