/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash; without the key nobody can construct collisions. */
#ifndef SEKISHO_SIPHASH_H
#define SEKISHO_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint8_t key[16], const void *data, size_t len);

#endif
