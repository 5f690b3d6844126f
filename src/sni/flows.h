/*
 * The TLS flows that are not allowed yet: what has arrived, what was accepted, what is held. Fixed tables, no
 * allocation, no socket, no clock: time (milliseconds, CLOCK_MONOTONIC) is a parameter, and messages go out through
 * flows.send, so that unit tests and the fuzzer drive the same code.
 *
 *     FREE ── the server's SYN-ACK ──> SEEN ── first payload ──> HOLDING ── whole ClientHello, listed name ──> AGREED
 *     AGREED ── start of a second ClientHello (after HelloRetryRequest) ──> AGAIN ── complete, same name ──> AGREED
 *     AGREED, AGAIN ── a ServerHello at the start of the server's stream ──> ANSWERED
 *     HOLDING, AGAIN ── any error, or a time-out ──> REFUSED
 *     any ── a new SYN-ACK ──> SEEN         any ── another session, or long silence ──> FREE
 *     any ── a new SYN-ACK while the kernel still has the flow as allowed ──> REFUSED
 *
 * The SYN-ACK shows where the client's stream begins and what the client must acknowledge. Otherwise a PC could get a
 * good ClientHello allowed that lies ahead in the stream, and then send a bad one before it. The acknowledgement
 * number is checked in every state: in another connection on the same ports the server has another initial sequence
 * number. (The packet filter lets no such connection start while the kernel has the old one; this is the second line
 * of defence.)
 *
 * AGREED lasts until the server answers. Usually the kernel notices by itself: a segment begins with the header of a
 * ServerHello (firewall.nft, agreed_in), and no further packet of the flow is queued to sni. Any other segment of the
 * server is queued and accepted at once; when the octets together contain a ServerHello, gate is told (FLOW_ANSWER).
 * Until then retransmissions must be identical, so that a ClientHello lost on its way cannot be replaced by another.
 *
 * The invariant: a packet that completes a ClientHello leaves only by FLOW_NAME (or is refused), and packets accepted
 * by FLOW_EARLY before it contain a correct beginning of a ClientHello, with the beginning of a listed name. (If a
 * packet was dropped for lack of room, its octets are known: the ClientHello may be allowed without it, and its
 * retransmission, which must be identical, passes afterwards.)
 */
#ifndef SEKISHO_SNI_FLOWS_H
#define SEKISHO_SNI_FLOWS_H

#include "answer.h"
#include "clienthello.h"
#include "allowlist.h"
#include "packet.h"
#include "stream.h"

#define FLOWS_SETS 1024 /* power of two */
#define FLOWS_WAYS 4
#define FLOWS_WORKS_MAX 128       /* streams kept at once … */
#define FLOWS_WORKS_CLIENT_MAX 48 /* … of these, one client's that are not allowed */
#define FLOWS_EARLY_MS 40         /* after such a pause the client is assumed to wait for ACKs */
#define FLOWS_SLOW_MS 5000        /* from the first payload to the last octet of the ClientHello */
#define FLOWS_NAMELESS_MAX 4096   /* octets accepted before any of the name has arrived */
#define FLOWS_AGREED_MS 10000     /* how long retransmissions are compared */
/* The kernel's queue holds 1024 packets. Limits: packets per client, and octets (with headers) per flow and per client.
 * A usual ClientHello takes two or three packets. */
#define FLOWS_HELD_CLIENT_MAX 192
#define FLOWS_HELD_FLOW_OCTETS (48 * 1024)
#define FLOWS_HELD_CLIENT_OCTETS (256 * 1024)
#define FLOWS_ANSWER_MAX 16384 /* octets a server may have sent without a recognised ServerHello */

enum flow_state { STATE_FREE, STATE_SEEN, STATE_HOLDING, STATE_AGREED, STATE_AGAIN, STATE_ANSWERED, STATE_REFUSED };

struct flow {
    struct addr client, server;
    uint16_t client_port, server_port;
    uint8_t state; /* enum flow_state */
    uint8_t service; /* of the first payload packet; or MSG_ON_LINE */
    uint8_t what; /* REFUSED: the reason (enum msg_flow_what) */
    uint8_t told; /* REFUSED, ANSWERED: number of messages to gate with packets */
    bool stamped; /* timestamps were negotiated (RFC 7323) */
    uint16_t work; /* 1 + index; 0: none */
    uint32_t epoch; /* of struct flows; a flow of an earlier epoch counts as FREE */
    uint32_t base, ack; /* sequence number of the client's first octet, and its expected acknowledgement number */
    uint32_t stamp; /* the client's latest timestamp */
    uint64_t used_at;
};

struct flow_held {
    uint32_t id;
    uint32_t begin, end; /* offsets in the stream */
    uint32_t size; /* of the whole packet */
};

/* A flow's octets and held packets. */
struct flow_work {
    struct flow *flow;
    uint64_t began_at, last_at;
    uint32_t released; /* octets from the start of the stream that were accepted */
    uint32_t hello_at; /* offset of the ClientHello that is being parsed */
    uint32_t rest_at; /* AGREED: offset after the ClientHello */
    uint8_t held_count;
    bool early_data;
    bool second; /* the second ClientHello has been parsed, a third is not possible */
    char name[CONF_FQDN_MAX]; /* AGREED, AGAIN: the allowed name */
    struct flow_held held[MSG_FLOW_PACKETS];
    struct stream stream;
    struct answer answer;
    uint64_t map[STREAM_MAP(STREAM_MAX)]; /* of stream */
    uint8_t data[STREAM_MAX];
};

struct flows_stats {
    uint64_t answered, refused, skipped;
};

struct flows {
    void (*send)(void *user, const struct msg_flow *m); /* must not fail: the caller has room for one event */
    void *user;
    uint32_t seed;
    uint32_t epoch; /* counts sessions: flows of an earlier one are ignored */
    struct msg_mode mode;
    struct flows_stats stats;
    struct allowlist listed;
    unsigned works_used, agreed_used;
    /* Kept apart from the large works, because every wake-up scans them. */
    uint64_t due[FLOWS_WORKS_MAX]; /* 0: unused */
    bool agreed[FLOWS_WORKS_MAX]; /* its flow is AGREED */
    uint32_t who[FLOWS_WORKS_MAX]; /* a hash of its client's address */
    struct flow table[FLOWS_SETS][FLOWS_WAYS];
    struct flow_work works[FLOWS_WORKS_MAX];
};

void flows_init(struct flows *f, uint32_t seed, void (*send)(void *user, const struct msg_flow *m), void *user);

/* The mode has changed: with another generation all held packets are dropped and all flows forgotten. */
void flows_mode(struct flows *f, const struct msg_mode *m);

/*
 * A SYN-ACK on its way to the client (source: the server). agreed: by its conntrack mark the flow is allowed, so only a
 * retransmission of its first SYN-ACK is valid.
 */
void flows_synack(struct flows *f, uint64_t now, bool agreed, const uint8_t *ip, size_t len);

/*
 * A client's packet that waits for a verdict. service: from its mark, 0: none. checksum: not verified by the kernel
 * yet. Each id appears in exactly one message, now or later; one call sends at most FLOWS_SENT_MAX messages.
 */
void flows_packet(struct flows *f, uint64_t now, uint32_t id, uint8_t service, bool checksum, const uint8_t *ip,
                  size_t len);
#define FLOWS_SENT_MAX 8

/* The same for a packet from the server to a client, in a flow that the kernel has as allowed. */
void flows_answer(struct flows *f, uint32_t id, uint8_t service, bool checksum, const uint8_t *ip, size_t len);

/* Milliseconds until something is due; -1: nothing. */
int flows_wait(const struct flows *f, uint64_t now);
/* Handle one flow that is due. False: none is. */
bool flows_due(struct flows *f, uint64_t now);

#endif
