/*
 * Fuzz target: all data that gate reads from charon. The lowest bit of the first octet selects the meaning of the rest:
 *   0  a VICI message. It is decoded, queried for values by path, read as an SA, and encoded again: the copy must be
 *      identical, since the format has only one encoding of a message.
 *   1  data on the socket: packets for the client, in two parts, split at a position chosen by the octet's other bits.
 *      The result is compared with a second decoder in this file: no event and no reply may be lost or invented, wherever
 *      the split is.
 */
#include "ike_sa.h"
#include "must.h"
#include "vici.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void message(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"success",           "errmsg", "*/state", "gtol/child-sas/*/state",
                                        "*/*/*/*/*/*/*/*/x", "",       "/"};
    struct vici_reader r;
    struct ike_sa sa;
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
    if (!ike_sa_read(data, size, &sa))
        return;
    MUST(kind == 0 && sa.name[0] && strlen(sa.name) < sizeof sa.name && sa.remote_count <= CONF_PREFIXES_MAX);
    MUST(sa.child != 0 || sa.remote_count == 0);
    for (unsigned i = 0; i < sa.remote_count; i++)
        MUST(sa.remote[i].len <= (sa.remote[i].addr.family == AF_INET6 ? 128 : 32));
}

/* ---- the client ---- */

static unsigned answered, events;

static void on_reply(void *user, const uint8_t *data, size_t len)
{
    MUST(user == &answered && (data || len == 0));
    answered++;
}

static void on_event(void *user, const char *event, const uint8_t *data, size_t len)
{
    MUST(user == &events && event[0] && strlen(event) < 256 && data);
    events++;
    message(data, len);
}

static char path[108];

static void remove_socket(void)
{
    unlink(path);
}

static int listener(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "/tmp/fuzz-vici-%d", getpid());
    strcpy(at.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4) == 0);
    atexit(remove_socket);
    return fd;
}

/* The expected result for these octets, after registering for an event and sending one request. */
struct told {
    unsigned confirmed, answered, events;
    bool broken;
};

static bool takes_packet(struct told *t, const uint8_t *body, size_t len)
{
    switch (body[0]) {
    case 1: /* response */
    case 2: /* unknown command */ return t->confirmed == 1 && t->answered++ == 0;
    case 5: /* event confirmed */ return t->confirmed++ == 0;
    case 7: /* event */
        if (len < 2 || body[1] == 0 || body[1] > len - 2 || memchr(body + 2, 0, body[1]))
            return false;
        t->events++;
        return true;
    default: return false;
    }
}

static struct told read_packets(const uint8_t *data, size_t size)
{
    struct told t = {0};
    for (size_t at = 0; !t.broken && size - at >= 4;) {
        size_t len = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        if (len < 1 || len > VICI_MSG_MAX)
            t.broken = true;
        else if (size - at - 4 < len)
            break;
        else
            t.broken = !takes_packet(&t, data + at + 4, len);
        at += 4 + len;
    }
    return t;
}

static void stream(const uint8_t *data, size_t size, size_t cut)
{
    static int listening = -1;
    if (listening < 0)
        listening = listener();
    answered = events = 0;
    struct told t = read_packets(data, size);
    struct vici *v = vici_open(path, on_event, &events);
    int charon = accept(listening, NULL, NULL);
    MUST(v && charon >= 0);
    MUST(vici_register(v, "list-sa") == 0 && vici_request(v, "list-sas", NULL, on_reply, &answered) == 0);
    int result = vici_process(v);
    MUST(result == 0 && !vici_wants_write(v));
    if (cut > size)
        cut = size;
    MUST(cut == 0 || write(charon, data, cut) == (ssize_t)cut);
    result = vici_process(v);
    if (result == 0 && size > cut) {
        MUST(write(charon, data + cut, size - cut) == (ssize_t)(size - cut));
        result = vici_process(v);
    }
    MUST((result == 0) == !t.broken && events == t.events);
    MUST(answered == (t.answered > 0));
    close(charon);
    if (result == 0)
        MUST(vici_process(v) == -1); /* end of file: charon has exited */
    vici_close(v);
    MUST(answered == 1); /* every request gets its reply callback */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        stream(data + 1, size - 1, (size_t)(data[0] >> 1) * 3);
    else
        message(data + 1, size - 1);
    return 0;
}
