#include "base64.h"

#include <stdbool.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(const uint8_t *data, size_t len, char *out, size_t out_len, size_t columns)
{
    size_t pos = 0, column = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)data[i] << 16;
        if (left > 1)
            group |= (uint32_t)data[i + 1] << 8;
        if (left > 2)
            group |= data[i + 2];
        if (out_len - pos < 6) /* four digits, a line end, NUL */
            return 0;
        out[pos++] = digits[group >> 18];
        out[pos++] = digits[group >> 12 & 63];
        out[pos++] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[pos++] = left > 2 ? digits[group & 63] : '=';
        column += 4;
        if (columns != 0 && (column == columns || left <= 3)) {
            out[pos++] = '\n';
            column = 0;
        }
    }
    if (pos >= out_len)
        return 0;
    out[pos] = 0;
    return pos;
}

size_t base64_wrapped(const uint8_t *data, size_t len, char *out, size_t out_len)
{
    return encode(data, len, out, out_len, BASE64_COLUMNS);
}

size_t base64_plain(const uint8_t *data, size_t len, char *out, size_t out_len)
{
    return encode(data, len, out, out_len, 0);
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Text starts with a dash: length of a PEM BEGIN or END line to skip; 0: not such a line. */
static size_t pem_line(const char *text, size_t len)
{
    if (len < 10 || (memcmp(text, "-----BEGIN", 10) != 0 && (len < 8 || memcmp(text, "-----END", 8) != 0)))
        return 0;
    const char *end = memchr(text, '\n', len);
    return end ? (size_t)(end - text) + 1 : len;
}

long base64_decode(const char *text, size_t len, uint8_t *out, size_t out_len)
{
    uint32_t group = 0;
    unsigned held = 0, padding = 0; /* digits in the group so far, and `=` after them */
    size_t written = 0;

    for (size_t i = 0; i < len;) {
        char c = text[i];
        size_t skip = is_space(c) ? 1 : c == '-' ? pem_line(text + i, len - i) : 0;
        if (skip > 0) {
            i += skip;
            continue;
        }
        i++;
        if (c == '=') {
            if (++padding + held > 4 || held < 2)
                return -1;
            continue;
        }
        int value = digit_value(c);
        if (value < 0 || padding > 0)
            return -1;
        group = group << 6 | (uint32_t)value;
        if (++held < 4)
            continue;
        if (out_len - written < 3)
            return -1;
        out[written++] = (uint8_t)(group >> 16);
        out[written++] = (uint8_t)(group >> 8);
        out[written++] = (uint8_t)group;
        group = held = 0;
    }
    if (held == 1 || (padding > 0 && held + padding != 4))
        return -1;
    if (held > 0 && out_len - written < held - 1)
        return -1;
    if (held >= 2)
        out[written++] = (uint8_t)(group >> (held == 2 ? 4 : 10));
    if (held == 3)
        out[written++] = (uint8_t)(group >> 2);
    return (long)written;
}
