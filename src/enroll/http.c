#include "http.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The body's framing, by the header fields. */
struct framing {
    bool chunked, has_length;
    size_t length;
};

static bool parse_status_line(const char *line, size_t len, unsigned *status)
{
    /* HTTP/1.x SP 3DIGIT [SP reason]; some servers leave out the space before an empty reason */
    if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ')
        return false;
    if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || (len > 12 && line[12] != ' '))
        return false;
    *status = (unsigned)((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
    return *status >= 100 && *status <= 599;
}

static bool name_is(const char *line, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(line, name, len) == 0;
}

static void keep(char *field, const char *value, size_t len)
{
    size_t have = strlen(field);
    if (have > 0 && HTTP_FIELD_MAX - 1 - have > 2) {
        memcpy(field + have, ", ", 3);
        have += 2;
    }
    if (len > HTTP_FIELD_MAX - 1 - have)
        len = HTTP_FIELD_MAX - 1 - have;
    memcpy(field + have, value, len);
    field[have + len] = 0;
}

static bool parse_length(const char *value, size_t len, struct framing *f)
{
    size_t length = 0;
    if (len == 0 || len > 7)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(value[i]))
            return false;
        length = length * 10 + (size_t)(value[i] - '0');
    }
    if (length > HTTP_RESPONSE_MAX || (f->has_length && f->length != length))
        return false;
    f->has_length = true;
    f->length = length;
    return true;
}

static bool parse_field(const char *line, size_t len, struct http_response *out, struct framing *f)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line || memchr(line, '\r', len) || memchr(line, 0, len))
        return false;
    size_t name_len = (size_t)(colon - line);
    for (size_t i = 0; i < name_len; i++)
        if (line[i] <= ' ' || line[i] > '~')
            return false; /* also rejects a folded line, which starts with white space */
    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t value_len = (size_t)(end - value);

    if (name_is(line, name_len, "Content-Length"))
        return parse_length(value, value_len, f);
    if (name_is(line, name_len, "Transfer-Encoding")) {
        bool once = !f->chunked;
        f->chunked = true;
        return once && value_len == 7 && strncasecmp(value, "chunked", 7) == 0;
    }
    if (name_is(line, name_len, "Retry-After") && !out->retry_after[0])
        keep(out->retry_after, value, value_len);
    else if (name_is(line, name_len, "Date") && !out->date[0])
        keep(out->date, value, value_len);
    else if (name_is(line, name_len, "Location") && value_len < sizeof out->location)
        keep(out->location, value, value_len);
    else if (name_is(line, name_len, "WWW-Authenticate"))
        keep(out->authenticate, value, value_len);
    return true;
}

/* Take one line, without its CRLF (or bare LF from sloppy servers). Returns the start of the next; NULL: incomplete. */
static char *take_line(char *at, char *end, size_t *len)
{
    char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline)
        return NULL;
    *len = (size_t)(newline - at);
    if (*len > 0 && at[*len - 1] == '\r')
        (*len)--;
    return newline + 1;
}

static enum http_result parse_head(char *data, char *end, struct http_response *out, struct framing *f, char **body)
{
    size_t len;
    char *line = data, *next = take_line(line, end, &len);
    enum http_result unfinished = end - data > HTTP_HEAD_MAX ? HTTP_BAD : HTTP_MORE;
    if (!next)
        return unfinished;
    if (!parse_status_line(line, len, &out->status))
        return HTTP_BAD;
    for (;;) {
        line = next;
        next = take_line(line, end, &len);
        if (!next)
            return unfinished;
        if (next - data > HTTP_HEAD_MAX)
            return HTTP_BAD;
        if (len == 0)
            break;
        if (!parse_field(line, len, out, f))
            return HTTP_BAD;
    }
    *body = next;
    return f->chunked && f->has_length ? HTTP_BAD : HTTP_DONE;
}

/* chunk-size [ chunk-ext ]; false: malformed or beyond every limit */
static bool parse_chunk_size(const char *line, size_t len, size_t *size)
{
    size_t i, value = 0;
    for (i = 0; i < len; i++) {
        char c = line[i];
        unsigned digit;
        if (is_digit(c))
            digit = (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (unsigned)((c | 32) - 'a') + 10;
        else
            break;
        value = value * 16 + digit;
        if (value > HTTP_RESPONSE_MAX)
            return false;
    }
    *size = value;
    return i > 0 && (i == len || line[i] == ';' || line[i] == ' ' || line[i] == '\t');
}

/* Walk over the chunks; join: also join them in place, only once the body is known to be complete. */
static enum http_result walk_chunks(char *body, char *end, bool join, size_t *total)
{
    char *at = body, *to = body;
    for (;;) {
        size_t len, size;
        char *next = take_line(at, end, &len);
        if (!next)
            return end - at > 256 ? HTTP_BAD : HTTP_MORE;
        if (!parse_chunk_size(at, len, &size))
            return HTTP_BAD;
        at = next;
        if (size == 0)
            break;
        if ((size_t)(end - at) < size)
            return HTTP_MORE;
        if (join)
            memmove(to, at, size);
        to += size;
        at += size;
        next = take_line(at, end, &len);
        if (!next)
            return end - at > 2 ? HTTP_BAD : HTTP_MORE;
        if (len != 0)
            return HTTP_BAD;
        at = next;
    }
    for (;;) { /* skip trailer fields */
        size_t len;
        char *next = take_line(at, end, &len);
        if (!next)
            return HTTP_MORE;
        at = next;
        if (len == 0)
            break;
    }
    *total = (size_t)(to - body);
    return HTTP_DONE;
}

static enum http_result parse_one(char *data, size_t len, bool eof, struct http_response *out)
{
    struct framing f = {0};
    char *end = data + len, *body = NULL;
    memset(out, 0, sizeof *out);
    enum http_result result = parse_head(data, end, out, &f, &body);
    if (result != HTTP_DONE)
        return result;
    out->body = body;
    if (out->status < 200 || out->status == 204 || out->status == 304)
        return HTTP_DONE;
    size_t there = (size_t)(end - body);
    if (f.chunked) {
        result = walk_chunks(body, end, false, &out->body_len);
        return result == HTTP_DONE ? walk_chunks(body, end, true, &out->body_len) : result;
    }
    if (f.has_length) {
        out->body_len = f.length;
        return there >= f.length ? HTTP_DONE : HTTP_MORE;
    }
    out->body_len = there;
    return eof ? HTTP_DONE : HTTP_MORE;
}

enum http_result http_parse(char *data, size_t len, bool eof, struct http_response *out)
{
    enum http_result result = HTTP_BAD;
    if (len <= HTTP_RESPONSE_MAX) {
        result = parse_one(data, len, eof, out);
        while (result == HTTP_DONE && out->status < 200) { /* interim response: the final one follows */
            len -= (size_t)(out->body - data);
            data = out->body;
            result = parse_one(data, len, eof, out);
        }
    }
    return result == HTTP_MORE && (eof || len >= HTTP_RESPONSE_MAX) ? HTTP_BAD : result;
}
