/* Formats a datagram as a line of the audit log. Pure: no clock, no file. */
#ifndef SEKISHO_AUDIT_FORMAT_H
#define SEKISHO_AUDIT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Octets of a whole line with time (in the site's zone), number and program; each octet of the text may become four. */
#define FORMAT_LINE_MAX (4 * 512 + 96)

/* The program behind a uid, as the kernel attests it; "uid-N" in buf for one that is not ours. */
const char *format_program(uid_t uid, char *buf, size_t size);

/*
 * Write `TIME NUMBER PROGRAM EVENT DETAILS\n` to out (at least FORMAT_LINE_MAX); returns its length. A text whose first
 * word is not an event name becomes the event `malformed`, so that a sender cannot forge another kind of line.
 */
size_t format_line(char *out, size_t size, time_t when, uint64_t number, const char *program, const char *text,
                   size_t len);

/* The sequence number of a line in the log. False: not a complete line in this format. */
bool format_number(const char *line, size_t len, uint64_t *number);

#endif
