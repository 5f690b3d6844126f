/*
 * The little of HTTP/1.x (RFC 9112) that an EST client needs: one request a connection, one bounded response.
 * Pure: no socket, no allocation; shared with the fuzzer.
 */
#ifndef SEKISHO_ENROLL_HTTP_H
#define SEKISHO_ENROLL_HTTP_H

#include "msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_RESPONSE_MAX 65536 /* octets of a whole response, head and transfer coding included */
#define HTTP_HEAD_MAX 8192
#define HTTP_FIELD_MAX 128      /* of a field's value that we keep, with NUL */

enum http_result {
    HTTP_MORE, /* not complete yet */
    HTTP_DONE,
    HTTP_BAD   /* it never will be a response that we accept */
};

struct http_response {
    unsigned status;
    char retry_after[HTTP_FIELD_MAX]; /* "": not there, also below */
    char date[HTTP_FIELD_MAX];
    char authenticate[HTTP_FIELD_MAX]; /* all WWW-Authenticate fields, joined by ", " and cut at the limit */
    char location[HTTP_FIELD_MAX];     /* "": not there, or too long */
    char *body;                        /* inside the buffer given; transfer coding removed */
    size_t body_len;
};

/*
 * Look at all that came so far. eof: the peer has closed, so a response without a length is complete. On HTTP_DONE a
 * chunked body has been put together in place, so the buffer must then not be given again. Interim 1xx responses are
 * skipped. Refused: both Content-Length and Transfer-Encoding, differing lengths, codings other than chunked, NUL or
 * bare CR in the head, folded lines.
 */
enum http_result http_parse(char *data, size_t len, bool eof, struct http_response *out);

/*
 * The path that a Location leads to, if that is on the same server (https, the same host and port; or a path alone).
 * False: elsewhere, or not readable. Any path that is given can stand in a request line.
 */
bool http_target(const char *location, const char *host, uint16_t port, char *path, size_t size);

/*
 * Seconds to wait, out of a Retry-After value: delta-seconds or any of the three HTTP-date forms (RFC 9110 section
 * 5.6.7). A date is measured from `date`, the response's own Date field, if that can be read (the box's clock may be
 * wrong), else from now. False: not readable. Never more than RETRY_AFTER_MAX, a date in the past gives 0.
 */
#define RETRY_AFTER_MAX MSG_RETRY_AFTER_MAX
bool retry_after(const char *value, const char *date, int64_t now, uint32_t *seconds);

/* UNIX time of an HTTP-date in any of its three forms; now: for the two-digit years of RFC 850. False: none of them. */
bool http_date(const char *text, int64_t now, int64_t *out);

#endif
