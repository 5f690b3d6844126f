#include "text.h"

#include <stdint.h>
#include <string.h>

size_t text_utf8(const char *text, size_t len)
{
    static const struct {
        unsigned char mask, lead;
        size_t len;
        uint32_t min;
    } forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
    const unsigned char *s = (const unsigned char *)text;
    for (size_t f = 0; f < 4 && len > 0; f++) {
        if ((s[0] & forms[f].mask) != forms[f].lead || forms[f].len > len)
            continue;
        uint32_t code = s[0] & (unsigned char)~forms[f].mask;
        for (size_t i = 1; i < forms[f].len; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (s[i] & 0x3f);
        }
        return code >= forms[f].min && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? forms[f].len : 0;
    }
    return 0;
}

size_t text_printable(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = text_utf8(text, len);
    if (n == 0 || s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
        return 0;
    return n;
}

size_t text_escape(char *out, size_t size, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;
    while (len > 0) {
        size_t n = text_printable(text, len);
        bool plain = n > 0 && *text != '\\';
        size_t need = plain ? n : 4;
        if (used + need >= size)
            break;
        if (plain) {
            memcpy(out + used, text, n);
        } else {
            n = 1;
            memcpy(out + used, "\\x", 2);
            out[used + 2] = hex[(unsigned char)*text >> 4];
            out[used + 3] = hex[*text & 15];
        }
        used += need;
        text += n;
        len -= n;
    }
    out[used] = '\0';
    return used;
}

void text_plain(char *text, size_t len)
{
    while (len > 0) {
        size_t n = *text == '\n' ? 1 : text_printable(text, len);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
        text += n;
        len -= n;
    }
}
