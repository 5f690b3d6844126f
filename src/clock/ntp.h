/* The packets of SNTP (RFC 4330, RFC 5905): one question, one answer. Pure; shared with the fuzzer. */
#ifndef SEKISHO_CLOCK_NTP_H
#define SEKISHO_CLOCK_NTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTP_PACKET 48

/* The nonce stands where the time of sending would: a server gives it back, and who has not seen the question cannot. */
void ntp_question(uint8_t out[NTP_PACKET], uint64_t nonce);

/*
 * Read an answer that came at got_ns to a question of sent_ns (both CLOCK_BOOTTIME). base_ns: the server's UNIX time less
 * that clock. False: no answer to this question, or of a server that does not know the time itself.
 */
bool ntp_answer(const uint8_t *data, size_t len, uint64_t nonce, int64_t sent_ns, int64_t got_ns, int64_t *base_ns,
                uint32_t *delay_us);

#endif
