/* Inside the configuration parser: the key tables, and how a value parser says what is wrong. Not for other folders. */
#ifndef SEKISHO_CONF_PARSE_H
#define SEKISHO_CONF_PARSE_H

#include "conf.h"

#define CONF_KEYS_MAX 48 /* keys of one kind of file; conf_parser.seen has the bits above for sections */

/*
 * Takes the value of one line (NUL-terminated, trimmed, valid UTF-8 without control characters, not empty) and stores
 * it. Returns CAUSE_NONE, or what is wrong with it: a cause whose arguments are key, value, and then what conf_also was told.
 */
typedef enum cause_code conf_parse_fn(struct conf_parser *p, const char *value);

enum conf_flags {
    CONF_REQUIRED = 1, /* a file without it is refused */
    CONF_MANY = 2, /* may stand on several lines */
    CONF_SECRET = 4 /* its value is never quoted in a message */
};

/* One key. The table is the format: what is not in it is refused. Keys of one section stand together. */
struct conf_key {
    const char *section, *name;
    unsigned flags; /* CONF_REQUIRED | … */
    conf_parse_fn *parse;
    enum cause_code remedy; /* what to write */
};

struct conf_kind {
    const struct conf_key *keys;
    size_t count;
    void (*end)(struct conf_parser *p); /* what is contradictory, once all lines are read */
};

extern const struct conf_kind conf_kind_site, conf_kind_service;

/* Record a mistake; args: of `wrong`, ended by NULL. */
void conf_mistake(struct conf_errors *errors, const char *file, unsigned line, enum cause_code remedy,
                  enum cause_code wrong, const char *const args[]);
/* With the arguments behind it, NULL the last: on a line of one's own, for mistakes about several files … */
#define conf_report(errors, file, line, remedy, wrong, ...)                                                            \
    conf_mistake((errors), (file), (line), (remedy), (wrong), (const char *const[]){__VA_ARGS__})
/* … and at the parser's current line. */
#define conf_fail(p, remedy, wrong, ...) conf_report((p)->errors, (p)->file, (p)->line, remedy, wrong, __VA_ARGS__)
/* From a value parser: one more argument of what it is about to return, in this place behind key and value. */
void conf_also(struct conf_parser *p, unsigned place, const char *text);
/* Was this key in the file? */
bool conf_seen(const struct conf_parser *p, const char *section, const char *key);

/* ---- values (conf_value.c); all return false for text that is not exactly of that kind ---- */
bool conf_parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out); /* decimal, no sign, no spaces */
bool conf_parse_interface(const char *text, struct prefix *out); /* address/length, host bits kept */
bool conf_parse_duration(const char *text, uint32_t *seconds); /* `90 s`, `10 min`, `2 h` */
bool conf_parse_sha256(const char *text, uint8_t out[32]); /* 64 hex digits, `:` allowed */
bool conf_is_short_name(const char *text); /* [a-z0-9-]+ of a service */
bool conf_is_host(const char *text); /* an address or an FQDN */
bool conf_copy(char *out, size_t size, const char *text); /* false: too long */
bool conf_copy_lower(char *out, size_t size, const char *text);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* Is there a name that both lines cover? */
bool conf_rules_overlap(const struct conf_rule *a, const struct conf_rule *b);
/* Addresses that can never be a peer on a network: unspecified, loopback, link-local, multicast, broadcast. */
bool conf_never_remote(const struct addr *a);

#endif
