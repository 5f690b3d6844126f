/*
 * Messages between our own processes: fixed-size datagrams over SOCK_SEQPACKET, optionally with file descriptors.
 *
 * Each message is a struct msg_head followed by exactly the body its type prescribes (msg.h). A message of another
 * size, an unknown type, a type not allowed in this direction, an unexpected descriptor, or a content that cannot be
 * (a text without end, a count beyond its array, an unknown address family or enum value) is a broken or hostile peer:
 * ipc_recv returns IPC_BAD and the caller ends itself or the connection. What is valid here need not be sensible: the
 * receiver still checks meaning (an id it knows, a generation of now).
 */
#ifndef SEKISHO_IPC_H
#define SEKISHO_IPC_H

#include "msg.h"

#include <stdbool.h>
#include <stddef.h>

enum ipc_result {
    IPC_OK,    /* a message was received (or sent) */
    IPC_AGAIN, /* nothing there now (or the peer's queue is full) */
    IPC_EOF,   /* the peer is gone */
    IPC_BAD,   /* a message that breaks the rules */
    IPC_ERROR  /* errno says what */
};

/* Pure check, shared with the fuzzer: is this datagram a well-formed message for a receiver in the role `to`? */
bool ipc_valid(enum msg_role to, const void *data, size_t len, bool has_fd);

/* Octets of this type's body, -1: there is no such type. */
int ipc_size(unsigned type);

/*
 * Send one message. body may be NULL for types without one; its length comes from the type. fd: -1, or a descriptor to
 * pass (the caller keeps and closes its own copy).
 */
enum ipc_result ipc_send(int sock, enum msg_type type, const void *body, int fd);

/*
 * Receive one message for a receiver in the role `to`. *fd is -1 or a descriptor that the caller now owns (CLOEXEC).
 * Of *out only head and the type's body are written.
 */
enum ipc_result ipc_recv(int sock, enum msg_role to, struct msg *out, int *fd);

/* A SEQPACKET pair with CLOEXEC and NONBLOCK on both ends. 0 or -1 with errno. */
int ipc_pair(int fds[2]);
/* Listening SEQPACKET socket at path (an old file is removed), mode 0660, group gid. fd or -1 with errno. */
int ipc_listen(const char *path, int gid);
/* Connect to such a socket (blocking). fd or -1 with errno. */
int ipc_connect(const char *path);

#endif
