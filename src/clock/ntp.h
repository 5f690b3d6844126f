/* SNTP packets (RFC 4330, RFC 5905): one request, one reply. Pure; shared with the fuzzer. */
#ifndef SEKISHO_CLOCK_NTP_H
#define SEKISHO_CLOCK_NTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTP_PACKET 48

/* The nonce replaces the transmit timestamp: the server echoes it, and an off-path attacker does not know it. */
void ntp_question(uint8_t out[NTP_PACKET], uint64_t nonce);

/*
 * Parse a reply received at got_ns to a request sent at sent_ns (both CLOCK_BOOTTIME). base_ns: the server's UNIX
 * time minus CLOCK_BOOTTIME. False: not a reply to this request, or the server is not synchronised.
 */
bool ntp_answer(const uint8_t *data, size_t len, uint64_t nonce, int64_t sent_ns, int64_t got_ns, int64_t *base_ns,
                uint32_t *delay_us);

#endif
