/* What the event loop of sni tells apart: the number that epoll gives back. */
#ifndef SEKISHO_SNI_TOKENS_H
#define SEKISHO_SNI_TOKENS_H

enum loop_token { LOOP_QUEUE_SNI, LOOP_QUEUE_BLOCKED, LOOP_GATE, LOOP_SIGNAL };

#endif
