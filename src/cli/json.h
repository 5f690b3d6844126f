/* Writes JSON on one line to stdout. Text that is not UTF-8 is escaped, so the output is always valid. */
#ifndef SEKISHO_JSON_H
#define SEKISHO_JSON_H

#include "cause.h"

#include <stdbool.h>
#include <stdint.h>

struct json {
    bool comma; /* the current object or array is not empty */
};

/* key may be NULL inside an array and at the top. */
void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                 /* '}' or ']' */
void json_text(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_time(struct json *j, const char *key, int64_t when); /* RFC 3339, in the site's zone */
void json_bool(struct json *j, const char *key, bool value);
/* {"code": …, "severity": …, "person": …, "follows": …, "args": {…}}; a nested cause is one of the args. */
void json_cause(struct json *j, const char *key, const struct cause *cause);
void json_end(void); /* the newline */

#endif
