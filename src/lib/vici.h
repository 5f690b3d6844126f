/*
 * VICI, strongSwan's control protocol (src/libcharon/plugins/vici/README.md in its source): encoder, decoder and a
 * small client. The caller owns the event loop; the socket is non-blocking; requests are answered in order.
 *
 * The decoder is pure and bounded (shared with the fuzzer); the client never allocates after vici_open.
 */
#ifndef SEKISHO_VICI_H
#define SEKISHO_VICI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VICI_SOCKET "/run/charon.vici"
#define VICI_MSG_MAX 65536 /* octets of one packet that we accept or send; the protocol's own limit is 512 KiB */
#define VICI_DEPTH_MAX 8
#define VICI_REQUESTS_MAX 16

/* ---- building a message ---- */
struct vici_buf {
    size_t len;
    bool overflow; /* set when something did not fit; vici_request then fails with EMSGSIZE */
    uint8_t data[VICI_MSG_MAX];
};
void vici_begin(struct vici_buf *b);
void vici_section(struct vici_buf *b, const char *name);
void vici_section_end(struct vici_buf *b);
void vici_kv(struct vici_buf *b, const char *key, const void *value, size_t len);
void vici_kvf(struct vici_buf *b, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void vici_list(struct vici_buf *b, const char *name);
void vici_item(struct vici_buf *b, const void *value, size_t len);
void vici_list_end(struct vici_buf *b);

/* ---- reading a message ---- */
enum vici_element { VICI_SECTION = 1, VICI_SECTION_END, VICI_KV, VICI_LIST, VICI_ITEM, VICI_LIST_END };
struct vici_reader {
    const uint8_t *data;
    size_t len, pos;
    unsigned depth;
    bool in_list;
    /* the current element: */
    char name[64];        /* of section, key or list; cut names are an error */
    const uint8_t *value; /* of key or item, inside data */
    size_t value_len;
};
void vici_read(struct vici_reader *r, const void *data, size_t len);
/* Next element: its kind, 0 at the end of the message, -1 if the message is malformed. */
int vici_next(struct vici_reader *r);
/*
 * Copy the value of a key by its path, e.g. "success" or "gtol/child-sas/gtol-1/state"; the part "*" matches any
 * section. False: the key is missing, the value does not fit into out, or any part of the message is malformed.
 */
bool vici_get(const void *data, size_t len, const char *path, char *out, size_t out_len);

/* ---- the client ---- */
struct vici;
/* Reply to a request; data NULL: the command is unknown or the connection was lost. Called from vici_process. It may
 * send another request (vici_request), but must not call vici_close: set a flag and close after vici_process returns.
 */
typedef void vici_reply_fn(void *user, const uint8_t *data, size_t len);
/* A registered event, e.g. "child-updown", "ike-updown", or the stream events of list-*. */
typedef void vici_event_fn(void *user, const char *event, const uint8_t *data, size_t len);

/* Connect to the socket at path. NULL with errno. user is passed to event_fn, which may be NULL. */
struct vici *vici_open(const char *path, vici_event_fn *event_fn, void *user);
void vici_close(struct vici *v); /* frees v; pending requests get a reply with data NULL; v may be NULL */
int vici_fd(const struct vici *v);
bool vici_wants_write(const struct vici *v);
/* Read and write without blocking. 0, or -1 when the connection is lost or broken: the caller then closes it. */
int vici_process(struct vici *v);
/* Queue a command. msg may be NULL. 0 or -1 with errno (ENOBUFS: too many pending). */
int vici_request(struct vici *v, const char *command, const struct vici_buf *msg, vici_reply_fn *fn, void *user);
int vici_register(struct vici *v, const char *event);
/*
 * For programs without an event loop: process until all requests are answered or timeout_ms is over. 0 or -1 with
 * errno.
 */
int vici_drain(struct vici *v, int timeout_ms);

#endif
