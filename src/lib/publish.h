/*
 * State files: what a daemon tells the rest of the box, one `key value` a line under /run/sekisho/, written whole to a
 * temporary name and renamed, so that a reader sees the old state or the new one and `cat` is a debugger.
 */
#ifndef SEKISHO_PUBLISH_H
#define SEKISHO_PUBLISH_H

#include "cause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLISH_MAX 4096 /* bytes of one state file */

/* A state file being put together. Too long a text is cut at the last whole line, never written broken. */
struct publish {
    size_t len;
    bool full;
    char text[PUBLISH_MAX];
};

void publish_begin(struct publish *p);
/* Newlines and control characters in the value become spaces. */
void publish_add(struct publish *p, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A cause as text (cause.h); nothing if it is none. */
void publish_cause(struct publish *p, const char *key, const struct cause *cause);
/* The same with octets, as two hexadecimal digits each. */
void publish_add_octets(struct publish *p, const char *key, const void *data, size_t len);
/* Write to path by rename in the same folder. 0 or -1 with errno; the old file stays in force on error. */
int publish_commit(const struct publish *p, const char *path);
/* The same for a text that was put together otherwise. */
int publish_text(const char *path, const char *text, size_t len);
/* All of it into an open file, however often write() stops early. 0 or -1 with errno. */
int publish_write(int fd, const char *data, size_t len);

/*
 * The one way to read a file that another program has written, into buf (NUL-terminated). 0 or -1 with errno. What is
 * in a folder that somebody else can write to may be anything: only a plain file with one name, of this owner (or of
 * root, or of who reads), that fits into buf is read, and no link is followed. EBADMSG: it is there and is none of that.
 */
int publish_read(const char *path, uint32_t owner, char *buf, size_t len);
/*
 * A folder below /run/sekisho for the files of one user, made by root: who has the group may put files of its own there,
 * but what root has put there (a socket) nobody else can take away or replace. 0 or -1 with errno.
 */
int publish_folder(const char *path, uint32_t gid);
/* Copy the value of a key out of such text. False if it is not there (*value is then ""). */
bool publish_get(const char *text, const char *key, char *value, size_t len);
/* The same for a key that may be there more than once: begin with *at = text; it goes on behind what was found. */
bool publish_next(const char **at, const char *key, char *value, size_t len);

#endif
