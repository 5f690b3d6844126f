/* What the event loop of hello tells apart: the number that epoll gives back. */
#ifndef SEKISHO_HELLO_TOKENS_H
#define SEKISHO_HELLO_TOKENS_H

enum loop_token { LOOP_QUEUE_HELLO, LOOP_QUEUE_BLOCKED, LOOP_GATE, LOOP_SIGNAL };

#endif
