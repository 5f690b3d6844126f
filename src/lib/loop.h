/*
 * Shared by the event loops of the programs that parse untrusted packets (dns, sni).
 *
 * Plain epoll, not libuev: an attacker can make these sockets report EPOLLERR by ICMP errors, and after several of them
 * libuev creates a new epoll instance, a system call that their seccomp filter refuses. It also saves a library in the
 * processes most exposed.
 */
#ifndef SEKISHO_LOOP_H
#define SEKISHO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Add fd to the epoll instance, or change the events it is watched for. `token` identifies it in epoll_wait's events.
 * Closing the descriptor removes it. False with errno.
 */
bool loop_watch(int epoll, int fd, uint32_t token, bool readable, bool writable);

/* Block SIGTERM and SIGINT and return a signalfd for them, or -1 with errno. SIGPIPE is ignored. */
int loop_signals(void);

/* The shorter of two epoll_wait time-outs in milliseconds; -1 is infinite. */
int loop_sooner(int a, int b);

#endif
