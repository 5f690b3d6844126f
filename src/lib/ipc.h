/*
 * Messages between our own processes: fixed-size datagrams over SOCK_SEQPACKET, optionally with file descriptors.
 *
 * Each message is a struct msg_head followed by exactly the body that its type prescribes (msg.h). A wrong size, an
 * unknown type, a type not allowed in this direction, an unexpected descriptor or invalid content (text without NUL,
 * a count beyond its array, an unknown address family or enum value) means a broken or compromised peer: ipc_recv
 * returns IPC_BAD, and the caller exits or closes the connection. A valid message need not make sense: the receiver
 * still checks its meaning (a known id, the current generation).
 */
#ifndef SEKISHO_IPC_H
#define SEKISHO_IPC_H

#include "msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum ipc_result {
    IPC_OK,    /* a message was received (or sent) */
    IPC_AGAIN, /* nothing to receive now (or the peer's queue is full) */
    IPC_EOF,   /* the peer has closed the connection */
    IPC_BAD,   /* an invalid message */
    IPC_ERROR  /* see errno */
};

/* Is this datagram a valid message for a receiver in the role `to`? A pure function, shared with the fuzzer. */
bool ipc_valid(enum msg_role to, const void *data, size_t len, bool has_fd);

/* Size of this type's body in octets; -1: unknown type. */
int ipc_size(unsigned type);

/*
 * Send one message. body may be NULL for types without one; its length comes from the type. fd: -1, or a descriptor to
 * pass (the caller keeps and closes its own copy).
 */
enum ipc_result ipc_send(int sock, enum msg_type type, const void *body, int fd);

/*
 * Receive one message as a receiver in the role `to`. *fd is -1 or a descriptor that the caller now owns (CLOEXEC).
 * Only the head and the type's body are written in *out.
 */
enum ipc_result ipc_recv(int sock, enum msg_role to, struct msg *out, int *fd);

/* A SEQPACKET pair with CLOEXEC and NONBLOCK on both ends. 0 or -1 with errno. */
int ipc_pair(int fds[2]);
/* fork, and in each of the two *sock is its end of such a pair, the other closed. As fork; -1 with errno. */
pid_t ipc_fork(int *sock);
/* Listening SEQPACKET socket at path (an existing file is removed), mode 0660, group gid. fd or -1 with errno. */
int ipc_listen(const char *path, int gid);
/* Connect to such a socket (blocking). fd or -1 with errno. */
int ipc_connect(const char *path);

#endif
