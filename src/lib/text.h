/* Text from outside: is it UTF-8, may it be shown on a terminal or written to a log. */
#ifndef SEKISHO_TEXT_H
#define SEKISHO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid UTF-8 sequence at s (1 to 4), 0 if there is none (RFC 3629: no overlong form, no surrogate). */
size_t text_utf8(const char *s, size_t len);

/* Like text_utf8, but 0 also for control characters (C0, DEL, C1): what is left is safe to print. */
size_t text_printable(const char *s, size_t len);

/*
 * Copy text to out with everything unprintable, and the backslash, as \xNN. Cut at the last whole character that fits;
 * always NUL-terminated (size > 0). Returns the length written.
 */
size_t text_escape(char *out, size_t size, const char *text, size_t len);

/* In place: each octet that may not be shown becomes `?`, NULs too; newlines stay. For files that were escaped once. */
void text_plain(char *text, size_t len);

#endif
