/*
 * The TLS flows that nobody has agreed to yet: what came, what was let go, what is held. Fixed tables, no allocation, no
 * socket, no clock: time (milliseconds, CLOCK_MONOTONIC) comes in, verdicts go out through flows_send, so that the unit
 * tests and the fuzzer drive this very code.
 *
 *     FREE ── SYN-ACK of the server ──> SEEN ── first payload ──> HOLDING ── a whole ClientHello, name listed ──> AGREED
 *     AGREED ── a second ClientHello begins (after HelloRetryRequest) ──> AGAIN ── whole, the same name ──> AGREED
 *     AGREED, AGAIN ── a ServerHello, from the server's first octet on ──> ANSWERED
 *     HOLDING, AGAIN ── anything that is not as it must be, or too late ──> REFUSED
 *     any ── a new SYN-ACK ──> SEEN         any ── another session, or nothing for long ──> FREE
 *     any ── a new SYN-ACK while the kernel still holds the flow for agreed to ──> REFUSED
 *
 * The SYN-ACK tells where the client's octets begin and what it must acknowledge. Without it a PC could have a good
 * ClientHello agreed to that lies ahead in the stream, and then send a bad one before it. What it acknowledges is compared
 * in every state: another connection on the same ports has a server that counts from elsewhere. (The rule set lets none
 * begin while the kernel holds the old one; this is the second line.)
 *
 * AGREED lasts until the server answers. Mostly the kernel sees that by itself, when a segment begins with the head of a
 * ServerHello (firewall.nft, agreed_in), and no packet of the flow comes here any more. What else the server says comes
 * here and goes on at once; when its octets make a ServerHello together, gate is told (FLOW_ANSWER). Until then repetitions
 * must be the same octet by octet, so that a ClientHello that was lost on its way cannot be replaced by another.
 *
 * The rule that nothing may break: a packet that completes a ClientHello leaves only by FLOW_NAME (or refused), and what
 * leaves by FLOW_EARLY before is a proper beginning of one, with the beginning of a listed name. (When a packet was dropped
 * for want of room, its octets are known: the ClientHello may be agreed to without it, and its repetition, which must be
 * the same, goes on its way afterwards.)
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
#define FLOWS_WORKS_CLIENT_MAX 48 /* … of which one client's that are not agreed to */
#define FLOWS_EARLY_MS 40         /* nothing new for so long: the client waits for acknowledgements */
#define FLOWS_SLOW_MS 5000        /* from the first payload to the last octet of the ClientHello */
#define FLOWS_NAMELESS_MAX 4096   /* octets that are let go before anything of the name is known */
#define FLOWS_AGREED_MS 10000     /* repetitions are compared for so long */
/* What the kernel holds for us is 1024 packets in all: of these so many a client, and octets (with their heads) a flow and a
 * client. A proper ClientHello is two or three packets. */
#define FLOWS_HELD_CLIENT_MAX 192
#define FLOWS_HELD_FLOW_OCTETS (48 * 1024)
#define FLOWS_HELD_CLIENT_OCTETS (256 * 1024)
#define FLOWS_ANSWER_MAX 16384 /* octets that a server may have said without having been seen to answer */

enum flow_state { STATE_FREE, STATE_SEEN, STATE_HOLDING, STATE_AGREED, STATE_AGAIN, STATE_ANSWERED, STATE_REFUSED };

struct flow {
    struct addr client, server;
    uint16_t client_port, server_port;
    uint8_t state; /* enum flow_state */
    uint8_t service; /* of the first payload packet */
    uint8_t what; /* REFUSED: why … */
    uint8_t told; /* … and how often gate has had packets to act on; ANSWERED: the same */
    bool stamped; /* timestamps were agreed on (RFC 7323) */
    uint16_t work; /* 1 + index; 0: none */
    uint32_t epoch; /* of struct flows; of an earlier one: as good as FREE */
    uint32_t base, ack; /* sequence number of the client's first octet, and what it must acknowledge */
    uint32_t stamp; /* the latest */
    uint64_t used_at;
};

struct flow_held {
    uint32_t id;
    uint32_t begin, end; /* in the stream */
    uint32_t size; /* of the whole packet */
};

/* A flow's octets and held packets. */
struct flow_work {
    struct flow *flow;
    uint64_t began_at, last_at;
    uint32_t released; /* octets from the first that were let go */
    uint32_t hello_at; /* where in the stream the ClientHello begins that is being read */
    uint32_t rest_at; /* AGREED: behind the ClientHello */
    uint8_t held_count;
    bool early_data;
    bool second; /* the second ClientHello has been read, there is no third */
    char name[CONF_FQDN_MAX]; /* AGREED, AGAIN: what was agreed to */
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
    void (*send)(void *user, const struct msg_flow *m); /* never fails: the caller has room for as many as come */
    void *user;
    uint32_t seed;
    uint32_t epoch; /* counts sessions: what is remembered of an earlier one does not count */
    struct msg_mode mode;
    struct flows_stats stats;
    struct allowlist listed;
    unsigned works_used, agreed_used;
    /* Of each work, small and apart from the large ones, because they are looked through at every wake-up. */
    uint64_t due[FLOWS_WORKS_MAX]; /* 0: unused */
    bool agreed[FLOWS_WORKS_MAX]; /* its flow is AGREED */
    uint32_t who[FLOWS_WORKS_MAX]; /* its client, as a number */
    struct flow table[FLOWS_SETS][FLOWS_WAYS];
    struct flow_work works[FLOWS_WORKS_MAX];
};

void flows_init(struct flows *f, uint32_t seed, void (*send)(void *user, const struct msg_flow *m), void *user);

/* The session changed: with another generation everything held is dropped and everything known forgotten. */
void flows_mode(struct flows *f, const struct msg_mode *m);

/*
 * A SYN-ACK on its way to the client (source: the server). agreed: the flow has been agreed to, by its mark, so nothing but
 * a repetition of its first one belongs there.
 */
void flows_synack(struct flows *f, uint64_t now, bool agreed, const uint8_t *ip, size_t len);

/*
 * A packet that waits for a verdict. `service` is its mark, 0: none. Every id is mentioned in exactly one message, now or
 * later; in one call at most FLOWS_SENT_MAX messages go out.
 */
void flows_packet(struct flows *f, uint64_t now, uint32_t id, uint8_t service, bool checksum, const uint8_t *ip,
                  size_t len);
#define FLOWS_SENT_MAX 8

/* The same, of the server to a client, whose flow the kernel holds for agreed to. */
void flows_answer(struct flows *f, uint32_t id, uint8_t service, bool checksum, const uint8_t *ip, size_t len);

/* Milliseconds until something is due; -1: nothing. */
int flows_wait(const struct flows *f, uint64_t now);
/* Do one thing that is due. False: nothing is. */
bool flows_due(struct flows *f, uint64_t now);

#endif
