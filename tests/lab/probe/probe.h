/*
 * Probes of the leak counter: numbered packets, how they are recognised, and the memory shared with the lab.
 *
 * Every probe carries a tag: 34 decimal digits in plain text, wherever its kind has room for them (payload, a TCP option,
 * a label of a DNS name). NAT, defragmentation and ICMP errors preserve it, IPsec does not: a tag that can
 * be read on the uplink is from a packet that was not encrypted.
 */
#ifndef LAB_PROBE_H
#define LAB_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_MAGIC "735081907263"
#define TAG_MAGIC_LEN 12
#define TAG_LEN 34 /* magic, kind (2 digits), number (20 digits) */

#define KINDS_MAX 100
#define FRAME_MAX 256
#define PAGE_SIZE 4096

struct tag {
    unsigned kind;
    uint64_t number;
};

void tag_write(uint8_t at[TAG_LEN], const struct tag *tag);
/* The next tag in data at or after *at; *at is advanced past it. False: there is none. */
bool tag_find(const uint8_t *data, size_t len, size_t *at, struct tag *out);

/* One kind of probe: number N is of kind N % count, so the kinds take turns. */
struct kind {
    unsigned id;
    char shape[16];
    uint8_t frame[FRAME_MAX]; /* as sent, except for the parts that change from probe to probe */
    size_t len, tag_at;
    size_t net_at, transport_at; /* transport_at 0: the rest is not parsed (GRE, later fragment) */
    unsigned sport, spread;      /* source port (or echo id): sport + round % spread */
};

/* Read the table of kinds (tests/lab/leak_kinds.py writes it); exits with an error if it is wrong. */
unsigned kinds_load(const char *path, const uint8_t source[6], const uint8_t gateway[6], struct kind kinds[KINDS_MAX]);
/* Make the probe with this number from its kind's frame. */
void kind_make(struct kind *kind, uint64_t number, uint64_t round);

/*
 * Shared with the lab through a file that both map. The sender publishes its progress: all numbers below `done` were passed
 * to the interface, none from `started` on. So the lab knows what was sent before and after an event.
 */
struct send_page {
    uint64_t ready, started, done, waited;
};

/* The counter's page is followed by one byte a number. */
struct count_page {
    uint64_t ready, frames, tags, lost;
    uint64_t by_kind[KINDS_MAX];
};
#define SEEN 1           /* received */
#define SEEN_TUNNELLED 2 /* its source was an address that the hub has lent to the box */

void *map_file(const char *path, size_t size);
_Noreturn void die(const char *what);

int probe_send(int argc, char **argv);
int probe_count(int argc, char **argv);

#endif
