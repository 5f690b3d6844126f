/*
 * The log's files: audit.log and the older audit.log.1 … audit.log.3 in one folder. Lines are only appended; when
 * audit.log would exceed its maximum size, the files are rotated and the oldest is deleted. Numbers continue across
 * restarts. On a full disk the oldest file is deleted early: current events are worth more.
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
    unsigned shortened; /* number of files deleted early because the disk was full */
    bool torn;         /* the last line was truncated by a power cut; a newline was added */
};

/* Open or create the log in an existing folder, and find the next number. 0 or -1 with errno. */
int store_open(struct store *s, const char *folder, size_t file_max);
/* Append whole lines durably (fdatasync). 0, or -1 with errno; then none of them is in the file. */
int store_append(struct store *s, const char *lines, size_t len);
void store_close(struct store *s);

#endif
