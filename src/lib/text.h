/* Untrusted text: is it UTF-8, and is it safe for a terminal or a log. */
#ifndef SEKISHO_TEXT_H
#define SEKISHO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid UTF-8 sequence at s (1 to 4); 0: invalid (RFC 3629: no overlong form, no surrogate). */
size_t text_utf8(const char *s, size_t len);

/* Like text_utf8, but 0 also for control characters (C0, DEL, C1): the rest is safe to print. */
size_t text_printable(const char *s, size_t len);

/*
 * Copy text to out; unprintable octets and the backslash are written as \xNN. Cut after the last whole character that
 * fits; always NUL-terminated (size > 0). Returns the length written.
 */
size_t text_escape(char *out, size_t size, const char *text, size_t len);

/* In place: each unprintable octet, NUL included, becomes `?`; newlines stay. For files that are already escaped. */
void text_plain(char *text, size_t len);

#endif
