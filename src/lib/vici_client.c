/* The VICI client: one non-blocking connection to charon, requests answered in order. Messages are in vici.c. */
#include "vici.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Packet types. A packet is a four-octet length (network order), the type, for some types a name, and a message. */
enum packet {
    CMD_REQUEST = 0,
    CMD_RESPONSE = 1,
    CMD_UNKNOWN = 2,
    EVENT_REGISTER = 3,
    EVENT_CONFIRM = 5,
    EVENT_UNKNOWN = 6,
    EVENT = 7
};

#define LENGTH_SIZE 4
#define NAME_MAX_LEN 255

struct pending {
    bool event; /* a registration, not a command */
    vici_reply_fn *fn;
    void *user;
};

struct vici {
    int fd;
    vici_event_fn *event_fn;
    void *user;
    bool broken;
    unsigned first, count; /* ring of the unanswered requests, in order */
    struct pending pending[VICI_REQUESTS_MAX];
    size_t in_len, out_pos, out_len;
    uint8_t in[LENGTH_SIZE + VICI_MSG_MAX];
    uint8_t out[2 * (LENGTH_SIZE + VICI_MSG_MAX)];
};

struct vici *vici_open(const char *path, vici_event_fn *event_fn, void *user)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return NULL;
    struct vici *v = NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        v = calloc(1, sizeof *v); /* untouched pages of the large buffers take no memory */
    if (!v) {
        int why = errno;
        close(fd);
        errno = why;
        return NULL;
    }
    v->fd = fd;
    v->event_fn = event_fn;
    v->user = user;
    return v;
}

void vici_close(struct vici *v)
{
    if (!v)
        return;
    v->broken = true; /* requests made by the callbacks below are refused */
    while (v->count > 0) {
        struct pending p = v->pending[v->first];
        v->first = (v->first + 1) % VICI_REQUESTS_MAX;
        v->count--;
        if (p.fn)
            p.fn(p.user, NULL, 0);
    }
    close(v->fd);
    explicit_bzero(v->out, sizeof v->out); /* it may have held a private key */
    free(v);
}

int vici_fd(const struct vici *v)
{
    return v->fd;
}

bool vici_wants_write(const struct vici *v)
{
    return v->out_pos < v->out_len;
}

/* ---- sending ---- */

static int flush_out(struct vici *v)
{
    while (v->out_pos < v->out_len) {
        struct iovec part = {v->out + v->out_pos, v->out_len - v->out_pos};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = sendmsg(v->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n <= 0)
            return -1;
        explicit_bzero(v->out + v->out_pos, (size_t)n);
        v->out_pos += (size_t)n;
    }
    v->out_pos = v->out_len = 0;
    return 0;
}

static int queue(struct vici *v, enum packet type, const char *name, const struct vici_buf *msg, struct pending p)
{
    size_t name_len = strlen(name), msg_len = msg ? msg->len : 0;
    size_t body = 1 + 1 + name_len + msg_len;
    if (v->broken) {
        errno = ENOTCONN;
        return -1;
    }
    if (name_len == 0 || name_len > NAME_MAX_LEN || (msg && msg->overflow) || body > VICI_MSG_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (v->count == VICI_REQUESTS_MAX || LENGTH_SIZE + body > sizeof v->out - v->out_len) {
        errno = ENOBUFS;
        return -1;
    }
    uint8_t *at = v->out + v->out_len;
    at[0] = 0; /* VICI_MSG_MAX keeps the length below 2^24 */
    at[1] = (uint8_t)(body >> 16);
    at[2] = (uint8_t)(body >> 8);
    at[3] = (uint8_t)body;
    at[4] = (uint8_t)type;
    at[5] = (uint8_t)name_len;
    memcpy(at + 6, name, name_len);
    if (msg_len > 0)
        memcpy(at + 6 + name_len, msg->data, msg_len);
    v->out_len += LENGTH_SIZE + body;
    v->pending[(v->first + v->count) % VICI_REQUESTS_MAX] = p;
    v->count++;
    if (flush_out(v) < 0)
        v->broken = true; /* vici_process will return -1, and the caller closes */
    return 0;
}

int vici_request(struct vici *v, const char *command, const struct vici_buf *msg, vici_reply_fn *fn, void *user)
{
    return queue(v, CMD_REQUEST, command, msg, (struct pending){false, fn, user});
}

int vici_register(struct vici *v, const char *event)
{
    return queue(v, EVENT_REGISTER, event, NULL, (struct pending){true, NULL, NULL});
}

/* ---- receiving ---- */

static int on_answer(struct vici *v, bool event, const uint8_t *data, size_t len)
{
    if (v->count == 0 || v->pending[v->first].event != event)
        return -1; /* a reply without a request */
    struct pending p = v->pending[v->first];
    v->first = (v->first + 1) % VICI_REQUESTS_MAX;
    v->count--;
    if (p.fn)
        p.fn(p.user, data, len);
    return 0;
}

static int on_event(struct vici *v, const uint8_t *data, size_t len)
{
    char name[NAME_MAX_LEN + 1];
    if (len < 1 || data[0] == 0 || data[0] > len - 1)
        return -1;
    size_t name_len = data[0];
    if (memchr(data + 1, 0, name_len))
        return -1; /* an embedded NUL would cut the name when it is compared */
    memcpy(name, data + 1, name_len);
    name[name_len] = 0;
    if (v->event_fn)
        v->event_fn(v->user, name, data + 1 + name_len, len - 1 - name_len);
    return 0;
}

static int on_packet(struct vici *v, const uint8_t *data, size_t len)
{
    static const uint8_t empty[1];
    const uint8_t *body = len > 1 ? data + 1 : empty; /* not NULL: an empty reply is a success */
    switch (data[0]) {
    case CMD_RESPONSE: return on_answer(v, false, body, len - 1);
    case CMD_UNKNOWN: return on_answer(v, false, NULL, 0);
    case EVENT_CONFIRM: return on_answer(v, true, body, len - 1);
    case EVENT_UNKNOWN: return -1; /* this charon lacks an event that we need */
    case EVENT: return on_event(v, body, len - 1);
    default: return -1;
    }
}

/* Handle every whole packet in the buffer; keep the rest. */
static int parse_in(struct vici *v)
{
    size_t pos = 0;
    int result = 0;
    while (result == 0 && v->in_len - pos >= LENGTH_SIZE) {
        const uint8_t *at = v->in + pos;
        size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        if (len < 1 || len > VICI_MSG_MAX)
            return -1;
        if (v->in_len - pos - LENGTH_SIZE < len)
            break;
        pos += LENGTH_SIZE + len;
        result = on_packet(v, at + LENGTH_SIZE, len);
    }
    memmove(v->in, v->in + pos, v->in_len - pos);
    v->in_len -= pos;
    return result;
}

int vici_process(struct vici *v)
{
    bool lost = v->broken || flush_out(v) < 0;
    while (!lost) {
        ssize_t n = read(v->fd, v->in + v->in_len, sizeof v->in - v->in_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        lost = n <= 0; /* end of file: charon has exited */
        if (!lost) {
            v->in_len += (size_t)n;
            lost = parse_in(v) < 0 || v->broken;
        }
    }
    v->broken = lost;
    return lost ? -1 : 0;
}

int vici_drain(struct vici *v, int timeout_ms)
{
    int64_t end = (int64_t)clock_monotonic_ms() + timeout_ms;
    for (;;) {
        if (vici_process(v) < 0) {
            errno = ECONNRESET;
            return -1;
        }
        if (v->count == 0 && !vici_wants_write(v))
            return 0;
        int64_t left = end - (int64_t)clock_monotonic_ms();
        if (left <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct pollfd p = {v->fd, (short)(POLLIN | (vici_wants_write(v) ? POLLOUT : 0)), 0};
        if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
            return -1;
    }
}
