/*
 * The log's files: audit.log and, older, audit.log.1 … audit.log.3 in one folder. Lines are only ever appended; when
 * audit.log would grow beyond its size the files move up by one and the oldest goes. Numbers continue over restarts. On a
 * full disk the oldest file goes too soon: what happens now is worth more.
 */
#ifndef SEKISHO_AUDIT_STORE_H
#define SEKISHO_AUDIT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_FILES 4
#define STORE_FILE_MAX (256 * 1024)

struct store {
    int folder;        /* descriptor of the folder */
    int fd;            /* audit.log */
    size_t file_max;   /* bytes of one file */
    uint64_t size;     /* of audit.log now */
    uint64_t next;     /* number of the next line */
    unsigned shortened; /* how often a file went before its time, because the disk was full */
    bool torn;         /* the last line was cut by a power failure and has been closed with a newline */
};

/* Open or create the log in an existing folder, and find the next number. 0 or -1 with errno. */
int store_open(struct store *s, const char *folder, size_t file_max);
/* Append whole lines and make them last (fdatasync). 0, or -1 with errno; then none of them is in the file. */
int store_append(struct store *s, const char *lines, size_t len);
void store_close(struct store *s);

#endif
