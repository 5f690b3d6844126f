/*
 * The part of HTTP/1.x (RFC 9112) that an EST client needs: one request per connection, one bounded response. Pure: no
 * socket, no allocation; shared with the fuzzer.
 */
#ifndef SEKISHO_ENROLL_HTTP_H
#define SEKISHO_ENROLL_HTTP_H

#include "msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_RESPONSE_MAX 65536 /* octets of a whole response, header and transfer coding included */
#define HTTP_HEAD_MAX 8192
#define HTTP_FIELD_MAX 128      /* of a field value kept, with NUL */

enum http_result {
    HTTP_MORE, /* not complete yet */
    HTTP_DONE,
    HTTP_BAD   /* not an acceptable response */
};

struct http_response {
    unsigned status;
    char retry_after[HTTP_FIELD_MAX]; /* "": absent, also below */
    char date[HTTP_FIELD_MAX];
    char authenticate[HTTP_FIELD_MAX]; /* all WWW-Authenticate fields, joined by ", " and cut at the limit */
    char location[HTTP_FIELD_MAX];     /* "": absent or too long */
    char *body;                        /* inside the caller's buffer; transfer coding removed */
    size_t body_len;
};

/*
 * Parse all octets received so far. eof: the peer has closed, so a response without a length is complete. On
 * HTTP_DONE a chunked body has been joined in place, so the buffer must not be parsed again. Interim 1xx responses
 * are skipped. Refused: both Content-Length and Transfer-Encoding, differing lengths, codings other than chunked, NUL
 * or bare CR in the header, folded lines.
 */
enum http_result http_parse(char *data, size_t len, bool eof, struct http_response *out);

/*
 * The path of a Location on the same server (https, same host and port; or a path alone). False: another server, or
 * invalid. A returned path is valid in a request line.
 */
bool http_target(const char *location, const char *host, uint16_t port, char *path, size_t size);

/*
 * Seconds to wait by a Retry-After value: delta-seconds or any of the three HTTP-date forms (RFC 9110 section 5.6.7).
 * A date is relative to `date`, the response's own Date field, if valid (the box's clock may be wrong), else to now.
 * At most RETRY_AFTER_MAX; a date in the past gives 0. False: invalid.
 */
#define RETRY_AFTER_MAX MSG_RETRY_AFTER_MAX
bool retry_after(const char *value, const char *date, int64_t now, uint32_t *seconds);

/* UNIX time of an HTTP-date in any of its three forms; now: for the two-digit years of RFC 850. False: invalid. */
bool http_date(const char *text, int64_t now, int64_t *out);

#endif
