/*
 * The environment of src/sni/flows.c for its unit tests and fuzzer: a manual clock, a kernel that queues packets with
 * ids, a gate that records its messages and checks that every id is reported once, and a server that accepts
 * everything that passed. Nothing here sleeps or opens a socket. Errors abort.
 */
#ifndef SEKISHO_SNI_FIXTURE_H
#define SEKISHO_SNI_FIXTURE_H

#include "flows.h"
#include "must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY_NAME "registry.lab.example"
#define WILD_NAME "*.wild.example"        /* service 1 too */
#define NOISE_NAME "noise.lab.example"    /* service 1 too, with ech-noise */
#define OTHER_NAME "other.example.org"    /* service 2 */
#define CLIENT "192.168.77.100"
#define SERVER "10.99.0.5"
#define ISS 0xfffffc00u /* the client's first sequence number: wraps around inside a ClientHello */
#define IRS 5000u       /* the server's */

/* ---- octets, growing ---- */

struct octets {
    size_t len;
    uint8_t data[65536];
};

static inline void put(struct octets *o, const void *data, size_t len)
{
    MUST(o->len + len <= sizeof o->data);
    if (len > 0)
        memcpy(o->data + o->len, data, len);
    o->len += len;
}

static inline void put_number(struct octets *o, unsigned bytes, uint64_t v)
{
    while (bytes-- > 0) {
        uint8_t b = (uint8_t)(v >> (8 * bytes));
        put(o, &b, 1);
    }
}

static inline void put_fill(struct octets *o, size_t len, uint8_t fill)
{
    MUST(o->len + len <= sizeof o->data);
    memset(o->data + o->len, fill, len);
    o->len += len;
}

/* A length of `bytes` octets that is filled in by end_length. */
static inline size_t begin_length(struct octets *o, unsigned bytes)
{
    put_number(o, bytes, 0);
    return o->len;
}

static inline void end_length(struct octets *o, unsigned bytes, size_t begin)
{
    size_t len = o->len - begin;
    for (unsigned i = 0; i < bytes; i++)
        o->data[begin - bytes + i] = (uint8_t)(len >> (8 * (bytes - 1 - i)));
}

/* ---- ClientHellos by hand ---- */

struct shape {
    const char *name; /* NULL: no server_name */
    size_t name_len;  /* 0: strlen(name) */
    const char *second_name;      /* in the same list */
    unsigned name_type;
    unsigned legacy_version;      /* 0: 0x0303 */
    unsigned versions[4];         /* supported_versions; none: leave the extension out */
    bool ech, early_data, twice;  /* twice: server_name as two extensions */
    bool no_extensions;
    size_t pad;                   /* octets in a padding extension; 0: none */
    const char *session_id;       /* 32 octets; NULL: some */
};

static inline void put_server_name(struct octets *o, const struct shape *s)
{
    put_number(o, 2, 0);
    size_t ext = begin_length(o, 2), list = begin_length(o, 2);
    put_number(o, 1, s->name_type);
    size_t name = begin_length(o, 2);
    put(o, s->name, s->name_len ? s->name_len : strlen(s->name));
    end_length(o, 2, name);
    if (s->second_name) {
        put_number(o, 1, 0);
        name = begin_length(o, 2);
        put(o, s->second_name, strlen(s->second_name));
        end_length(o, 2, name);
    }
    end_length(o, 2, list);
    end_length(o, 2, ext);
}

static inline void put_extensions(struct octets *o, const struct shape *s)
{
    static const uint8_t groups[] = {0, 10, 0, 4, 0, 2, 0, 29};
    put(o, groups, sizeof groups);
    if (s->pad) {
        put_number(o, 2, 21);
        put_number(o, 2, s->pad);
        put_fill(o, s->pad, 0);
    }
    if (s->name)
        put_server_name(o, s);
    if (s->versions[0]) {
        put_number(o, 2, 43);
        size_t ext = begin_length(o, 2), list = begin_length(o, 1);
        for (unsigned i = 0; i < 4 && s->versions[i]; i++)
            put_number(o, 2, s->versions[i]);
        end_length(o, 1, list);
        end_length(o, 2, ext);
    }
    if (s->ech) { /* outer, RFC 9849 section 5 */
        put_number(o, 2, 0xfe0d);
        put_number(o, 2, 42);
        put_fill(o, 42, 0);
    }
    if (s->early_data)
        put_number(o, 4, 42u << 16);
    if (s->twice)
        put_server_name(o, s);
}

/* The handshake message. */
static inline void put_message(struct octets *o, const struct shape *s)
{
    put_number(o, 1, 1);
    size_t body = begin_length(o, 3);
    put_number(o, 2, s->legacy_version ? s->legacy_version : 0x0303);
    put_fill(o, 32, 0xaa);
    put_number(o, 1, 32);
    if (s->session_id)
        put(o, s->session_id, 32);
    else
        put_fill(o, 32, 0x55);
    put_number(o, 2, 4);
    put_number(o, 4, 0x1301c02f);
    put_number(o, 2, 0x0100); /* one compression method: none */
    if (!s->no_extensions) {
        size_t extensions = begin_length(o, 2);
        put_extensions(o, s);
        end_length(o, 2, extensions);
    }
    end_length(o, 3, body);
}

static inline void put_record(struct octets *o, unsigned type, const void *data, size_t len)
{
    put_number(o, 1, type);
    put_number(o, 2, 0x0301);
    put_number(o, 2, len);
    put(o, data, len);
}

/* In records of at most `piece` octets; 0: in one. */
static inline void put_hello_in(struct octets *o, const struct shape *s, size_t piece)
{
    struct octets *m = calloc(1, sizeof *m);
    MUST(m);
    put_message(m, s);
    if (piece == 0)
        piece = m->len;
    for (size_t at = 0; at < m->len; at += piece)
        put_record(o, 22, m->data + at, m->len - at < piece ? m->len - at : piece);
    free(m);
}

#define TLS13 .versions = {0x0304, 0x0303}

static inline void put_hello(struct octets *o, const char *name)
{
    put_hello_in(o, &(struct shape){.name = name, TLS13}, 0);
}

/* ---- packets ---- */

struct segment {
    const char *client, *server; /* NULL: CLIENT, SERVER */
    uint16_t port;               /* of the client; 0: 40000 */
    uint32_t seq, ack;
    unsigned flags;              /* 0: ACK */
    unsigned hops;               /* 0: 63 */
    const uint8_t *options;
    size_t options_len;
    const uint8_t *data;
    size_t len;
};

static inline uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static inline uint32_t sum_of(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    return sum;
}

/* An IP packet, of either family by its addresses, with a right checksum of TCP. */
static inline void put_packet(struct octets *o, const struct segment *s)
{
    struct addr from, to;
    MUST(conf_parse_addr(s->client ? s->client : CLIENT, &from) &&
         conf_parse_addr(s->server ? s->server : SERVER, &to));
    size_t size = from.family == AF_INET ? 4 : 16, tcp_len = 20 + s->options_len + s->len;
    unsigned hops = s->hops ? s->hops : 63;
    MUST(s->options_len % 4 == 0);
    if (size == 4) {
        put_number(o, 4, 0x45000000 | (20 + tcp_len));
        put_number(o, 4, 0x00004000);
        put_number(o, 4, hops << 24 | IPPROTO_TCP << 16);
    } else {
        put_number(o, 4, 0x60000000);
        put_number(o, 4, tcp_len << 16 | IPPROTO_TCP << 8 | hops);
    }
    put(o, from.bytes, size);
    put(o, to.bytes, size);
    size_t tcp = o->len;
    put_number(o, 2, s->port ? s->port : 40000);
    put_number(o, 2, 443);
    put_number(o, 4, s->seq);
    put_number(o, 4, s->ack);
    put_number(o, 2, (20 + s->options_len) / 4 << 12 | (s->flags ? s->flags : PACKET_ACK));
    put_number(o, 2, 64240);
    put_number(o, 4, 0);
    put(o, s->options, s->options_len);
    put(o, s->data, s->len);
    uint32_t sum = sum_of(from.bytes, size) + sum_of(to.bytes, size) + IPPROTO_TCP + (uint32_t)tcp_len +
                   sum_of(o->data + tcp, tcp_len);
    uint16_t check = fold(sum);
    o->data[tcp + 16] = (uint8_t)(check >> 8);
    o->data[tcp + 17] = (uint8_t)check;
}

/* ---- the environment ---- */

#ifndef WORLD_IDS
#define WORLD_IDS 65536
#endif
#define WORLD_LOG 256

struct world {
    struct flows f;
    uint64_t now;
    uint8_t way; /* the mark of packets; 0: service 1 */
    uint32_t ids; /* handed out */
    uint8_t said[WORLD_IDS]; /* 1 + what gate heard about each id; 0: nothing yet */
    unsigned told; /* messages to gate, all */
    struct msg_flow log[WORLD_LOG];
    void (*on_flow)(struct world *w, const struct msg_flow *m);
};

static inline void world_heard(void *user, const struct msg_flow *m)
{
    struct world *w = user;
    MUST(m->what < FLOW_WHAT_COUNT && m->service >= 1 &&
         (m->service <= CONF_SERVICES_MAX || m->service == MSG_ON_LINE));
    MUST(m->count <= MSG_FLOW_PACKETS && (m->count > 0 || m->what >= FLOW_NOT_TLS));
    MUST(memchr(m->name, '\0', sizeof m->name) && m->client.family != 0 && m->client.family == m->server.family);
    for (unsigned i = 0; i < m->count; i++) {
        MUST(m->packets[i] >= 1 && m->packets[i] <= w->ids);
        MUST(w->said[m->packets[i] % WORLD_IDS] == 0); /* once in its life */
        w->said[m->packets[i] % WORLD_IDS] = (uint8_t)(1 + m->what);
    }
    w->log[w->told++ % WORLD_LOG] = *m;
    if (w->on_flow)
        w->on_flow(w, m);
}

static inline void world_name(struct world *w, uint8_t service, const char *name, bool noise)
{
    struct msg_name m = {.id = (uint16_t)w->f.listed.count, .service = service, .ech_noise = noise};
    snprintf(m.name, sizeof m.name, "%s", name);
    MUST(allowlist_add(&w->f.listed, &m));
}

static inline void world_mode(struct world *w, enum msg_mode_kind mode, uint32_t generation)
{
    flows_mode(&w->f, &(struct msg_mode){.mode = (uint8_t)mode, .generation = generation, .services_up = 3});
}

static inline void world_start(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->now = 1000;
    flows_init(&w->f, 1, world_heard, w);
    world_name(w, 1, REGISTRY_NAME, false);
    world_name(w, 1, WILD_NAME, false);
    world_name(w, 1, NOISE_NAME, true);
    world_name(w, 2, OTHER_NAME, false);
    w->f.listed.complete = true;
    world_mode(w, MODE_SESSION, 7);
}

/* Advance the time and run the timers. */
static inline void world_wait(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    for (;;) {
        int next = flows_wait(&w->f, w->now);
        if (next < 0 || w->now + (unsigned)next > end)
            break;
        w->now += (unsigned)next;
        MUST(flows_due(&w->f, w->now));
    }
    w->now = end;
    MUST(!flows_due(&w->f, w->now));
}

/* A SYN-ACK of the server, which counts from irs, to the client whose first octet will be iss + 1. */
static inline void world_synack_from(struct world *w, bool agreed, uint32_t irs, const char *client, const char *server,
                                     uint16_t port, uint32_t iss, const uint8_t *options, size_t options_len)
{
    struct octets *o = calloc(1, sizeof *o);
    MUST(o);
    put_packet(o, &(struct segment){.client = server,
                                    .server = client,
                                    .seq = irs,
                                    .ack = iss + 1,
                                    .flags = PACKET_SYN | PACKET_ACK,
                                    .options = options,
                                    .options_len = options_len});
    /* from port 443 to the client's */
    size_t tcp = (o->data[0] >> 4) == 4 ? 20 : 40;
    uint16_t to = port ? port : 40000;
    o->data[tcp] = 443 >> 8;
    o->data[tcp + 1] = 443 & 0xff;
    o->data[tcp + 2] = (uint8_t)(to >> 8);
    o->data[tcp + 3] = (uint8_t)to;
    flows_synack(&w->f, w->now, agreed, o->data, o->len);
    free(o);
}

static inline void world_synack_to(struct world *w, const char *client, const char *server, uint16_t port, uint32_t iss,
                                   const uint8_t *options, size_t options_len)
{
    world_synack_from(w, false, IRS, client, server, port, iss, options, options_len);
}

static inline void world_synack(struct world *w)
{
    world_synack_to(w, CLIENT, SERVER, 40000, ISS, NULL, 0);
}

/* Hand over a packet of the client, or of the server. Returns its id. */
static inline uint32_t world_hand_over(struct world *w, bool answer, const uint8_t *ip, size_t len)
{
    uint32_t id = ++w->ids;
    uint8_t *exact = malloc(len > 0 ? len : 1); /* of this size and for this moment only, for ASan */
    MUST(exact);
    if (len > 0)
        memcpy(exact, ip, len);
    w->said[id % WORLD_IDS] = 0;
    if (answer)
        flows_answer(&w->f, id, w->way ? w->way : 1, true, exact, len);
    else
        flows_packet(&w->f, w->now, id, w->way ? w->way : 1, true, exact, len);
    free(exact);
    return id;
}

static inline uint32_t world_raw(struct world *w, const uint8_t *ip, size_t len)
{
    return world_hand_over(w, false, ip, len);
}

static inline uint32_t world_answer_raw(struct world *w, const uint8_t *ip, size_t len)
{
    return world_hand_over(w, true, ip, len);
}

static inline uint32_t world_segment(struct world *w, const struct segment *s)
{
    struct octets *o = calloc(1, sizeof *o);
    MUST(o);
    put_packet(o, s);
    uint32_t id = world_raw(w, o->data, o->len);
    free(o);
    return id;
}

/* A segment of the usual flow: octets `from` to `to` of a stream. */
static inline uint32_t world_piece(struct world *w, const struct octets *stream, size_t from, size_t to)
{
    return world_segment(w, &(struct segment){.seq = ISS + 1 + (uint32_t)from,
                                              .ack = IRS + 1,
                                              .data = stream->data + from,
                                              .len = to - from});
}

/*
 * A segment of the server, as it says it: octets `from` to `to` of its stream, acknowledging so much of the client's.
 */
static inline uint32_t world_answer_of(struct world *w, const struct segment *back)
{
    struct octets *o = calloc(1, sizeof *o);
    MUST(o);
    put_packet(o, back);
    uint8_t *tcp = o->data + (o->data[0] >> 4 == 4 ? 20 : 40), port[2] = {tcp[0], tcp[1]};
    memcpy(tcp, tcp + 2, 2); /* (the checksum does not mind) */
    memcpy(tcp + 2, port, 2);
    uint32_t id = world_answer_raw(w, o->data, o->len);
    free(o);
    return id;
}

static inline uint32_t world_answer(struct world *w, const struct octets *stream, size_t from, size_t to, size_t acked)
{
    return world_answer_of(w, &(struct segment){.client = SERVER,
                                                .server = CLIENT,
                                                .seq = IRS + 1 + (uint32_t)from,
                                                .ack = ISS + 1 + (uint32_t)acked,
                                                .data = stream->data + from,
                                                .len = to - from});
}

/* The message to gate about an id; -1: none yet. */
static inline int world_said(const struct world *w, uint32_t id)
{
    return (int)w->said[id % WORLD_IDS] - 1;
}

static inline const struct msg_flow *world_last(const struct world *w)
{
    MUST(w->told > 0);
    return &w->log[(w->told - 1) % WORLD_LOG];
}

#endif
