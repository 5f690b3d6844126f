/* What the event loop tells apart; the number that epoll gives back. */
#ifndef SEKISHO_HELLO_LOOP_H
#define SEKISHO_HELLO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum loop_token { LOOP_QUEUE_HELLO, LOOP_QUEUE_BLOCKED, LOOP_GATE, LOOP_SIGNAL };

/* Watch fd, or change how it is watched: for reading or not, for writing or not. Closing it ends it. False with errno. */
bool loop_watch(int epoll, int fd, enum loop_token token, bool readable, bool writable);

#endif
