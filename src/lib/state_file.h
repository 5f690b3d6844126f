/*
 * State files: what a daemon publishes to the rest of the box under /run/sekisho/, one `key value` per line. A file is
 * written under a temporary name and renamed, so that a reader sees either the old state or the new one.
 */
#ifndef SEKISHO_STATE_FILE_H
#define SEKISHO_STATE_FILE_H

#include "cause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_FILE_MAX 4096 /* bytes of one state file */

/* A state file under construction. A text that is too long is cut after the last line that fits. */
struct state_file {
    size_t len;
    bool full;
    char text[STATE_FILE_MAX];
};

void state_file_begin(struct state_file *p);
/* Add a line `key value`. Newlines and control characters in the value become spaces. */
void state_file_add(struct state_file *p, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Add a cause as text (cause.h); nothing if it is CAUSE_NONE. */
void state_file_cause(struct state_file *p, const char *key, const struct cause *cause);
/* Add octets as two hexadecimal digits each. */
void state_file_add_octets(struct state_file *p, const char *key, const void *data, size_t len);
/* Replace the file at path by a rename in the same folder. 0 or -1 with errno; on error the old file remains. */
int state_file_commit(const struct state_file *p, const char *path);
/* The same for any text. */
int publish_text(const char *path, const char *text, size_t len);
/* Write all of data, continuing after short writes. 0 or -1 with errno. */
int state_file_write(int fd, const char *data, size_t len);

/* Read a file written by another program into buf (NUL-terminated). 0 or -1 with errno. In a folder that another user
 * can write to a path may be anything, so only a regular file with one link, owned by `owner` (or root, or the caller),
 * that fits into buf is read, and symbolic links are not followed. EBADMSG: the path exists but is not such a file.
 */
int state_file_read(const char *path, uint32_t owner, char *buf, size_t len);
/* Make a folder below /run/sekisho for one daemon's files; called as root. Members of the group may create files in it,
 * but cannot remove or replace what root has created there, for instance a socket (sticky bit). 0 or -1 with errno.
 */
int state_file_folder(const char *path, uint32_t gid);
/* Copy the value of a key in the text of a state file. False if the key is missing (*value is then ""). */
bool state_file_get(const char *text, const char *key, char *value, size_t len);
/* The same for a repeated key: start with *at = text; each call advances *at past the line it found. */
bool state_file_next(const char **at, const char *key, char *value, size_t len);

#endif
