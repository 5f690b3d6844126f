/* Internals of the configuration parser: the key tables, and how value parsers report mistakes. Private to src/lib. */
#ifndef SEKISHO_CONF_PARSE_H
#define SEKISHO_CONF_PARSE_H

#include "conf.h"

/*
 * Parse and store the value of one line (NUL-terminated, trimmed, valid UTF-8 without control characters, not empty).
 * Returns CAUSE_NONE, or what is wrong: a cause whose arguments are key, value and those set with conf_also.
 */
typedef enum cause_code conf_parse_fn(struct conf_parser *p, const char *value);

enum conf_flags {
    CONF_REQUIRED = 1, /* a file without it is refused */
    CONF_MANY = 2, /* may be repeated */
    CONF_SECRET = 4, /* the value is never quoted in a message */
    CONF_BOX = 8 /* of a tunnel that the box raises: neither required nor allowed where it is the PC's own */
};

/* One key. The table defines the format: any other key is refused. Keys of one section must be adjacent. */
struct conf_key {
    const char *section, *name;
    unsigned flags; /* CONF_REQUIRED | … */
    conf_parse_fn *parse;
    enum cause_code remedy; /* what to write */
};

struct conf_kind {
    const struct conf_key *keys;
    size_t count;
    void (*end)(struct conf_parser *p); /* called after the last line: finds contradictions between keys */
};

/* Of the key with this index, in conf_parser.seen. */
static inline uint64_t conf_key_bit(size_t index)
{
    return 1ULL << index;
}

extern const struct conf_kind conf_kind_site, conf_kind_service;

/* Record a mistake. args: the arguments of `wrong`, terminated by NULL. */
void conf_mistake(struct conf_errors *errors, const char *file, unsigned line, enum cause_code remedy,
                  enum cause_code wrong, const char *const args[]);
/* The same with variable arguments, the last NULL: with file and line given, for mistakes across files … */
#define conf_report(errors, file, line, remedy, wrong, ...)                                                            \
    conf_mistake((errors), (file), (line), (remedy), (wrong), (const char *const[]){__VA_ARGS__})
/* … or at the parser's current line. */
#define conf_fail(p, remedy, wrong, ...) conf_report((p)->errors, (p)->file, (p)->line, remedy, wrong, __VA_ARGS__)
/* For value parsers: set argument number `place` (0 is the first after key and value) of the cause to be returned. */
void conf_also(struct conf_parser *p, unsigned place, const char *text);
/* Was this key in the file so far? */
bool conf_seen(const struct conf_parser *p, const char *section, const char *key);
/* The line of this key, the index in its kind's table; 0: it was not there. */
unsigned conf_key_line(const struct conf_parser *p, size_t key);

/* ---- values (conf_value.c); all return false for text that is not exactly of that kind ---- */
bool conf_parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out); /* decimal, no sign, no spaces */
bool conf_parse_interface(const char *text, struct prefix *out); /* address/length, host bits kept */
bool conf_parse_duration(const char *text, uint32_t *seconds); /* `90 s`, `10 min`, `2 h` */
bool conf_parse_sha256(const char *text, uint8_t out[32]); /* 64 hex digits, `:` allowed */
bool conf_is_short_name(const char *text); /* [a-z0-9-]+ of a service */
bool conf_is_host(const char *text); /* an address or an FQDN */
bool conf_copy(char *out, size_t size, const char *text); /* false: too long */
bool conf_copy_lower(char *out, size_t size, const char *text);
/*
 * Which way a line of [allow] goes: cut `via line [before]` off the end of its text. Then, with its ports: may it go
 * that way? (conf_via.c)
 */
enum cause_code conf_via_take(struct conf_rule *rule, char *text);
enum cause_code conf_via_wrong(const struct conf_rule *rule);
/* Is there a name that both rules cover? */
bool conf_rules_overlap(const struct conf_rule *a, const struct conf_rule *b);

#endif
