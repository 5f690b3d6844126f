/* Numbers in network byte order, accessed octet by octet, so that no alignment is needed. The caller checks lengths. */
#ifndef SEKISHO_OCTETS_H
#define SEKISHO_OCTETS_H

#include <stdint.h>

static inline uint16_t octets_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t octets_get32(const uint8_t *at)
{
    return (uint32_t)octets_get16(at) << 16 | octets_get16(at + 2);
}

/* Both return the position after the octets written. */
static inline uint8_t *octets_put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static inline uint8_t *octets_put32(uint8_t *at, uint32_t value)
{
    return octets_put16(octets_put16(at, value >> 16), value & 0xffff);
}

#endif
