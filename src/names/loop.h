/*
 * The event loop's registration of descriptors: what became ready is told by a number, kind << 16 | index.
 *
 * Plain epoll, not libuev: hostile ICMP errors make sockets of this process report EPOLLERR at will, and libuev answers a
 * number of those by making a new epoll instance, which is a system call too many for this sandbox; and one library less
 * lives in the process that reads strangers' octets.
 */
#ifndef SEKISHO_NAMES_LOOP_H
#define SEKISHO_NAMES_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum loop_kind { LOOP_GATE, LOOP_SIGNAL, LOOP_LAN, LOOP_TCP, LOOP_UPSTREAM, LOOP_STREAM };

#define LOOP_TOKEN(kind, index) ((uint32_t)(kind) << 16 | (uint32_t)(index))
#define LOOP_KIND(token) ((enum loop_kind)((token) >> 16))
#define LOOP_INDEX(token) ((token) & 0xffff)

/* Watch fd for reading. Closing the descriptor ends it. False with errno. */
bool loop_watch(int epoll, int fd, uint32_t token);
/* The same for writing or for reading; first: it is not watched yet. */
bool loop_watch_for(int epoll, int fd, uint32_t token, bool first, bool writing);

#endif
