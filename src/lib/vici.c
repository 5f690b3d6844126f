/* VICI messages: encoder and decoder. Pure and bounded; the socket is in vici_client.c. */
#include "vici.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- building ---- */

void vici_begin(struct vici_buf *b)
{
    b->len = 0;
    b->overflow = false;
}

static void put(struct vici_buf *b, const void *data, size_t len)
{
    if (b->overflow || len > sizeof b->data - b->len) {
        b->overflow = true;
        return;
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void put_u8(struct vici_buf *b, size_t value)
{
    uint8_t octet = (uint8_t)value;
    put(b, &octet, 1);
}

/* A name has a length of one octet, a value of two (network order). */
static void put_name(struct vici_buf *b, enum vici_element kind, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > 255) {
        b->overflow = true;
        return;
    }
    put_u8(b, kind);
    put_u8(b, len);
    put(b, name, len);
}

static void put_value(struct vici_buf *b, const void *value, size_t len)
{
    if (len > 65535) {
        b->overflow = true;
        return;
    }
    put_u8(b, len >> 8);
    put_u8(b, len & 0xff);
    put(b, value, len);
}

void vici_section(struct vici_buf *b, const char *name)
{
    put_name(b, VICI_SECTION, name);
}

void vici_section_end(struct vici_buf *b)
{
    put_u8(b, VICI_SECTION_END);
}

void vici_kv(struct vici_buf *b, const char *key, const void *value, size_t len)
{
    put_name(b, VICI_KV, key);
    put_value(b, value, len);
}

void vici_kvf(struct vici_buf *b, const char *key, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text)
        b->overflow = true;
    else
        vici_kv(b, key, text, (size_t)len);
}

void vici_list(struct vici_buf *b, const char *name)
{
    put_name(b, VICI_LIST, name);
}

void vici_item(struct vici_buf *b, const void *value, size_t len)
{
    put_u8(b, VICI_ITEM);
    put_value(b, value, len);
}

void vici_list_end(struct vici_buf *b)
{
    put_u8(b, VICI_LIST_END);
}

/* ---- reading ---- */

void vici_read(struct vici_reader *r, const void *data, size_t len)
{
    memset(r, 0, sizeof *r);
    r->data = data;
    r->len = len;
}

static bool take_name(struct vici_reader *r)
{
    if (r->pos >= r->len)
        return false;
    size_t len = r->data[r->pos++];
    if (len == 0 || len >= sizeof r->name || len > r->len - r->pos)
        return false;
    if (memchr(r->data + r->pos, 0, len))
        return false; /* an embedded NUL would make it equal to a shorter name */
    memcpy(r->name, r->data + r->pos, len);
    r->name[len] = 0;
    r->pos += len;
    return true;
}

static bool take_value(struct vici_reader *r)
{
    if (r->len - r->pos < 2)
        return false;
    size_t len = (size_t)r->data[r->pos] << 8 | r->data[r->pos + 1];
    r->pos += 2;
    if (len > r->len - r->pos)
        return false;
    r->value = r->data + r->pos;
    r->value_len = len;
    r->pos += len;
    return true;
}

/* Inside a list only items and the list's end are valid; outside only the other kinds. */
static bool fits_here(const struct vici_reader *r, int kind)
{
    switch (kind) {
    case VICI_ITEM:
    case VICI_LIST_END: return r->in_list;
    case VICI_SECTION: return !r->in_list && r->depth < VICI_DEPTH_MAX;
    case VICI_SECTION_END: return !r->in_list && r->depth > 0;
    case VICI_KV:
    case VICI_LIST: return !r->in_list;
    default: return false;
    }
}

int vici_next(struct vici_reader *r)
{
    r->value = NULL;
    r->value_len = 0;
    if (r->pos >= r->len)
        return r->depth == 0 && !r->in_list ? 0 : -1;
    int kind = r->data[r->pos++];
    bool good = fits_here(r, kind);
    switch (good ? kind : 0) {
    case VICI_SECTION:
        good = take_name(r);
        r->depth++;
        break;
    case VICI_SECTION_END: r->depth--; break;
    case VICI_KV: good = take_name(r) && take_value(r); break;
    case VICI_LIST:
        good = take_name(r);
        r->in_list = true;
        break;
    case VICI_ITEM: good = take_value(r); break;
    case VICI_LIST_END: r->in_list = false; break;
    }
    if (good)
        return kind;
    r->in_list = true; /* after an error every further call fails too */
    r->pos = r->len;
    return -1;
}

/* Does part number `index` of path ("a/b/c") match the name? *last: it is the final part. */
static bool part_matches(const char *path, unsigned index, const char *name, bool *last)
{
    while (index-- > 0) {
        path = strchr(path, '/');
        if (!path)
            return false;
        path++;
    }
    size_t len = strcspn(path, "/");
    *last = path[len] == 0;
    if (len == 1 && *path == '*' && !*last)
        return true;
    return strlen(name) == len && memcmp(path, name, len) == 0;
}

bool vici_get(const void *data, size_t len, const char *path, char *out, size_t out_len)
{
    struct vici_reader r;
    unsigned matched = 0; /* number of enclosing sections, from the outermost, that match the path */
    bool found = false, last;
    int kind;

    if (out_len > 0)
        *out = 0;
    vici_read(&r, data, len);
    while ((kind = vici_next(&r)) > 0) {
        bool entered =
            kind == VICI_SECTION && matched == r.depth - 1 && part_matches(path, matched, r.name, &last) && !last;
        if (entered || (kind == VICI_SECTION_END && matched > r.depth))
            matched = r.depth;
        else if (kind == VICI_KV && !found && matched == r.depth && part_matches(path, matched, r.name, &last) &&
                 last) {
            if (r.value_len >= out_len || memchr(r.value, 0, r.value_len))
                return false;
            memcpy(out, r.value, r.value_len);
            out[r.value_len] = 0;
            found = true;
        }
    }
    if (kind == 0)
        return found;
    if (out_len > 0)
        *out = 0; /* if any part is malformed, trust nothing of the message */
    return false;
}
