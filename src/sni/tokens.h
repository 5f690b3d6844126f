/* The event sources of sni's loop: the tokens in epoll's events. */
#ifndef SEKISHO_SNI_TOKENS_H
#define SEKISHO_SNI_TOKENS_H

enum loop_token { LOOP_QUEUE_SNI, LOOP_QUEUE_BLOCKED, LOOP_GATE, LOOP_SIGNAL };

#endif
