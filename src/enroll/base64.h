/* Base64 as EST uses it (RFC 4648 section 4, RFC 8951 section 3): wrapped when sent, every form accepted. Pure. */
#ifndef SEKISHO_ENROLL_BASE64_H
#define SEKISHO_ENROLL_BASE64_H

#include <stddef.h>
#include <stdint.h>

#define BASE64_COLUMNS 64
/* Octets of text for n octets of data, line ends and NUL included. */
#define BASE64_TEXT_MAX(n) (((n) + 2) / 3 * 4 + ((n) + 2) / 3 * 4 / BASE64_COLUMNS + 2)

/* Lines of 64 columns, each ended by \n (some servers refuse unwrapped text). Returns the length without NUL, 0: no
 * room. */
size_t base64_wrapped(const uint8_t *data, size_t len, char *out, size_t out_len);
/* One line, as HTTP Basic needs it. Returns the length without NUL, 0: no room. */
size_t base64_plain(const uint8_t *data, size_t len, char *out, size_t out_len);

/*
 * Decode text: wrapped or not, any white space, with or without PEM's BEGIN and END lines, with or without the final
 * padding. out may be the same memory as text. Returns the octets written, or -1: not base64, or no room.
 */
long base64_decode(const char *text, size_t len, uint8_t *out, size_t out_len);

#endif
