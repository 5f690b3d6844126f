/* The event sources of dns's loop: the tokens in epoll's events, kind << 16 | index. */
#ifndef SEKISHO_DNS_TOKENS_H
#define SEKISHO_DNS_TOKENS_H

#include <stdint.h>

enum loop_kind { LOOP_GATE, LOOP_SIGNAL, LOOP_LAN, LOOP_TCP, LOOP_UPSTREAM, LOOP_STREAM };

#define LOOP_TOKEN(kind, index) ((uint32_t)(kind) << 16 | (uint32_t)(index))
#define LOOP_KIND(token) ((enum loop_kind)((token) >> 16))
#define LOOP_INDEX(token) ((token) & 0xffff)

#endif
