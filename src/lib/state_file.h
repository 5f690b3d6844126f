/*
 * State files: what a daemon tells the rest of the box, one `key value` a line under /run/sekisho/, written whole to a
 * temporary name and renamed, so that a reader sees the old state or the new one and `cat` is a debugger.
 */
#ifndef SEKISHO_STATE_FILE_H
#define SEKISHO_STATE_FILE_H

#include "cause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_FILE_MAX 4096 /* bytes of one state file */

/* A state file being put together. Too long a text is cut at the last whole line, never written broken. */
struct state_file {
    size_t len;
    bool full;
    char text[STATE_FILE_MAX];
};

void state_file_begin(struct state_file *p);
/* Newlines and control characters in the value become spaces. */
void state_file_add(struct state_file *p, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A cause as text (cause.h); nothing if it is none. */
void state_file_cause(struct state_file *p, const char *key, const struct cause *cause);
/* The same with octets, as two hexadecimal digits each. */
void state_file_add_octets(struct state_file *p, const char *key, const void *data, size_t len);
/* Write to path by rename in the same folder. 0 or -1 with errno; the old file stays in force on error. */
int state_file_commit(const struct state_file *p, const char *path);
/* The same for a text that was put together otherwise. */
int publish_text(const char *path, const char *text, size_t len);
/* All of it into an open file, however often write() stops early. 0 or -1 with errno. */
int state_file_write(int fd, const char *data, size_t len);

/*
 * The one way to read a file that another program has written, into buf (NUL-terminated). 0 or -1 with errno. What is
 * in a folder that somebody else can write to may be anything: only a plain file with one name, of this owner (or of
 * root, or of who reads), that fits into buf is read, and no link is followed. EBADMSG: it is there and is none of that.
 */
int state_file_read(const char *path, uint32_t owner, char *buf, size_t len);
/*
 * A folder below /run/sekisho for the files of one user, made by root: who has the group may put files of its own there,
 * but what root has put there (a socket) nobody else can take away or replace. 0 or -1 with errno.
 */
int state_file_folder(const char *path, uint32_t gid);
/* Copy the value of a key out of such text. False if it is not there (*value is then ""). */
bool state_file_get(const char *text, const char *key, char *value, size_t len);
/* The same for a key that may be there more than once: begin with *at = text; it goes on behind what was found. */
bool state_file_next(const char **at, const char *key, char *value, size_t len);

#endif
