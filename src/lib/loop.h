/*
 * What the event loops of the programs that read strangers' octets (dns, sni) share.
 *
 * Plain epoll, not libuev: hostile ICMP errors make sockets of these processes report EPOLLERR at will, and libuev answers
 * a number of those by making a new epoll instance, which is a system call too many for their sandbox; and one library
 * less lives there.
 */
#ifndef SEKISHO_LOOP_H
#define SEKISHO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Watch fd, or change how it is watched: for reading or not, for writing or not. What becomes ready is told by `token`.
 * Closing the descriptor ends it. False with errno.
 */
bool loop_watch(int epoll, int fd, uint32_t token, bool readable, bool writable);

/* Block SIGTERM and SIGINT and watch for them through a descriptor; SIGPIPE is ignored. The descriptor, or -1 with errno. */
int loop_signals(void);

/* The sooner of two waits in milliseconds, where -1 is none. */
int loop_sooner(int a, int b);

#endif
