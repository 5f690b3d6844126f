/*
 * Fuzz target: VICI messages. Reads the whole message, asks for values by path, and builds what was read again: the copy
 * must be the same octets, since the format has only one way to write a message.
 */
#include "vici.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static struct vici_buf copy;

static void write_again(int kind, const struct vici_reader *r)
{
    switch (kind) {
    case VICI_SECTION: vici_section(&copy, r->name); break;
    case VICI_SECTION_END: vici_section_end(&copy); break;
    case VICI_KV: vici_kv(&copy, r->name, r->value, r->value_len); break;
    case VICI_LIST: vici_list(&copy, r->name); break;
    case VICI_ITEM: vici_item(&copy, r->value, r->value_len); break;
    default: vici_list_end(&copy); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"success",           "errmsg", "*/state", "gtol/child-sas/*/state",
                                        "*/*/*/*/*/*/*/*/x", "",       "/"};
    struct vici_reader r;
    char value[64];
    int kind;
    vici_begin(&copy);
    vici_read(&r, data, size);
    while ((kind = vici_next(&r)) > 0) {
        MUST(r.depth <= VICI_DEPTH_MAX && r.pos <= size);
        MUST(!r.value || (r.value >= data && r.value + r.value_len <= data + size));
        write_again(kind, &r);
    }
    MUST(vici_next(&r) == kind);
    if (kind == 0)
        MUST(!copy.overflow && copy.len == size && memcmp(copy.data, data, size) == 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        bool found = vici_get(data, size, paths[i], value, sizeof value);
        MUST(strlen(value) < sizeof value && (!found || kind == 0));
    }
    return 0;
}
