/*
 * The environment of src/dns/frontend.c for its unit tests and fuzzer: a manual clock, a gate that records its
 * messages, a resolver whose answers the test builds, clients whose answers are recorded and parsed with c-ares.
 * Nothing here sleeps or opens a socket. Errors of the fixture itself abort.
 */
#ifndef SEKISHO_DNS_FIXTURE_H
#define SEKISHO_DNS_FIXTURE_H

#include "must.h"
#include "frontend.h"

#include <ares.h>
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WORLD_LOG
#define WORLD_LOG 1024 /* entries of each kind; the oldest are overwritten */
#endif

/* ids and services of the listed names */
enum { REGISTRY, WWW, OTHER };
#define REGISTRY_NAME "registry.lab.example"
#define WWW_NAME "www.registry.example" /* service 1 too */
#define OTHER_NAME "other.example.org"  /* service 2 */
#define UNLISTED_NAME "decoy.example.net"

/* ---- messages, written without compression ---- */

struct wire {
    size_t len;
    uint8_t data[4096];
};

static inline void wire16(struct wire *w, unsigned v)
{
    MUST(w->len + 2 <= sizeof(w->data));
    w->data[w->len++] = (uint8_t)(v >> 8);
    w->data[w->len++] = (uint8_t)v;
}

static inline void wire_bytes(struct wire *w, const void *data, size_t len)
{
    MUST(w->len + len <= sizeof(w->data));
    if (len != 0)
        memcpy(w->data + w->len, data, len);
    w->len += len;
}

static inline void wire_name(struct wire *w, const char *text)
{
    uint8_t name[DNS_WIRE_NAME_MAX];
    uint8_t len = dns_name_to_wire(text, name);
    MUST(len != 0);
    wire_bytes(w, name, len);
}

/* Header and question. flags: the two octets after the id. */
static inline void wire_begin(struct wire *w, uint16_t id, unsigned flags, const char *name, uint16_t type)
{
    w->len = 0;
    wire16(w, id);
    wire16(w, flags);
    wire16(w, 1);
    wire16(w, 0);
    wire16(w, 0);
    wire16(w, 0);
    wire_name(w, name);
    wire16(w, type);
    wire16(w, 1);
}

/* Add a record; count: the offset of its section's count in the header (6 answer, 8 authority, 10 additional). */
static inline void wire_record(struct wire *w, unsigned count, const char *owner, uint16_t type, uint32_t ttl,
                               const void *data, size_t len)
{
    unsigned n = (unsigned)(w->data[count] << 8 | w->data[count + 1]) + 1;
    w->data[count] = (uint8_t)(n >> 8);
    w->data[count + 1] = (uint8_t)n;
    wire_name(w, owner);
    wire16(w, type);
    wire16(w, 1);
    wire16(w, ttl >> 16);
    wire16(w, ttl & 0xffff);
    wire16(w, (unsigned)len);
    wire_bytes(w, data, len);
}

static inline struct addr addr_of(const char *text)
{
    struct addr a;
    MUST(conf_parse_addr(text, &a));
    return a;
}

static inline void wire_addr(struct wire *w, const char *owner, uint32_t ttl, const char *text)
{
    struct addr a = addr_of(text);
    bool v4 = a.family == AF_INET;
    wire_record(w, 6, owner, v4 ? DNS_A : DNS_AAAA, ttl, a.bytes, v4 ? 4 : 16);
}

static inline void wire_cname(struct wire *w, const char *owner, uint32_t ttl, const char *target)
{
    struct wire to = {.len = 0};
    wire_name(&to, target);
    wire_record(w, 6, owner, DNS_CNAME, ttl, to.data, to.len);
}

static inline void wire_soa(struct wire *w, const char *owner, uint32_t ttl, uint32_t minimum)
{
    struct wire soa = {.len = 0};
    wire_name(&soa, "ns.example");
    wire_name(&soa, "admin.example");
    for (unsigned i = 0; i < 4; i++) {
        wire16(&soa, 0);
        wire16(&soa, 1);
    }
    wire16(&soa, minimum >> 16);
    wire16(&soa, minimum & 0xffff);
    wire_record(w, 8, owner, DNS_SOA, ttl, soa.data, soa.len);
}

/* An OPT record that takes answers of up to `room` octets. */
static inline void wire_edns(struct wire *w, unsigned room)
{
    w->data[11]++;
    wire_bytes(w, "", 1);
    wire16(w, DNS_OPT);
    wire16(w, room);
    wire16(w, 0);
    wire16(w, 0);
    wire16(w, 0);
}

/* ---- the environment ---- */

struct world {
    uint64_t now;
    uint32_t random;
    bool gate_full; /* gate takes no message */
    bool no_socket; /* there is no upstream socket */
    unsigned told, asked, done, replied; /* how many there were */
    struct {
        enum msg_type type;
        union {
            struct msg_want want;
            struct msg_admit admit;
            struct msg_refused refused;
            struct msg_service service;
        } u;
    } gate[WORLD_LOG];
    struct {
        uint8_t service;
        unsigned sock;
        size_t len;
        uint8_t data[DNS_MSG_MAX];
    } ask[WORLD_LOG];
    struct {
        struct client to;
        size_t len;
        uint8_t data[DNS_TCP_MAX];
    } reply[WORLD_LOG];
    void (*on_reply)(struct world *w, const struct client *to, const uint8_t *data, size_t len); /* may be NULL */
    uint16_t id; /* of the next question */
    struct frontend q; /* last: it is large, and clears itself */
};

static inline void world_reply(void *user, const struct client *to, const uint8_t *data, size_t len)
{
    struct world *w = user;
    MUST(len >= DNS_HEADER_LEN && len <= (to->tcp ? DNS_TCP_MAX : DNS_MSG_MAX));
    unsigned i = w->replied++ % WORLD_LOG;
    w->reply[i].to = *to;
    w->reply[i].len = len;
    memcpy(w->reply[i].data, data, len);
    if (w->on_reply != NULL)
        w->on_reply(w, to, data, len);
}

static inline bool world_to_gate(void *user, enum msg_type type, const void *body)
{
    struct world *w = user;
    if (w->gate_full)
        return false;
    unsigned i = w->told++ % WORLD_LOG;
    w->gate[i].type = type;
    switch (type) {
    case MSG_WANT: memcpy(&w->gate[i].u.want, body, sizeof(struct msg_want)); break;
    case MSG_ADMIT: memcpy(&w->gate[i].u.admit, body, sizeof(struct msg_admit)); break;
    case MSG_REFUSED: memcpy(&w->gate[i].u.refused, body, sizeof(struct msg_refused)); break;
    case MSG_UPSTREAM_TCP: memcpy(&w->gate[i].u.service, body, sizeof(struct msg_service)); break;
    default: MUST(type == MSG_WANT); /* frontend.c sends nothing else */
    }
    return true;
}

static inline bool world_ask(void *user, uint8_t service, const uint8_t *data, size_t len, unsigned *sock)
{
    struct world *w = user;
    MUST(len <= DNS_MSG_MAX);
    if (w->no_socket)
        return false;
    unsigned i = w->asked++ % WORLD_LOG;
    w->ask[i].service = service;
    w->ask[i].sock = *sock = 1 + i % 8;
    w->ask[i].len = len;
    memcpy(w->ask[i].data, data, len);
    return true;
}

static inline void world_done(void *user, uint8_t service, unsigned sock)
{
    struct world *w = user;
    (void)service;
    MUST(sock != 0);
    w->done++;
}

static inline uint32_t world_random(void *user)
{
    struct world *w = user;
    return w->random = w->random * 1664525u + 1013904223u;
}

static inline void world_name(struct world *w, uint16_t id, uint8_t service, const char *name)
{
    struct msg_name m = {.id = id, .service = service};
    snprintf(m.name, sizeof(m.name), "%s", name);
    MUST(frontend_name(&w->q, &m));
}

/* Closed, three names listed, no question asked. */
static inline void world_start(struct world *w)
{
    memset(w, 0, offsetof(struct world, q));
    w->now = 1000000;
    w->random = 12345;
    w->id = 100;
    struct frontend_ops ops = {.user = w,
                               .reply = world_reply,
                               .to_gate = world_to_gate,
                               .ask = world_ask,
                               .done = world_done,
                               .random = world_random};
    frontend_init(&w->q, &ops);
    world_name(w, REGISTRY, 1, REGISTRY_NAME);
    world_name(w, WWW, 1, WWW_NAME);
    world_name(w, OTHER, 2, OTHER_NAME);
    w->q.listed.complete = true;
}

static inline void world_mode(struct world *w, enum msg_mode_kind mode, unsigned up, unsigned failed,
                              uint32_t generation)
{
    struct msg_mode m = {.mode = (uint8_t)mode,
                         .services_up = (uint8_t)up,
                         .failed = (uint8_t)failed,
                         .generation = generation};
    frontend_mode(&w->q, w->now, &m);
}

/* Advance the time, in the steps requested by frontend_tick. */
static inline void world_wait(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    for (unsigned guard = 0; w->now < end; guard++) {
        MUST(guard < 100000);
        int wait = frontend_tick(&w->q, w->now);
        uint64_t step = wait < 0 ? end - w->now : wait == 0 ? 1 : (uint64_t)wait;
        w->now = w->now + step < end ? w->now + step : end;
    }
    frontend_tick(&w->q, w->now);
}

static inline struct client client_of(const char *text, uint16_t port)
{
    struct client c;
    memset(&c, 0, sizeof(c));
    c.addr = addr_of(text);
    c.port = port;
    return c;
}

/* Octets from a client; an immediate answer is recorded like any other. Returns the number of answers. */
static inline unsigned ask_raw(struct world *w, const struct client *from, const uint8_t *data, size_t len)
{
    static uint8_t out[DNS_TCP_MAX];
    unsigned before = w->replied;
    size_t n = frontend_client(&w->q, w->now, from, data, len, out);
    if (n != 0)
        world_reply(w, from, out, n);
    return w->replied - before;
}

static inline unsigned ask_from(struct world *w, const struct client *from, const char *name, uint16_t type)
{
    struct wire m;
    wire_begin(&m, w->id++, 0x0100, name, type);
    wire_edns(&m, DNS_MSG_MAX);
    return ask_raw(w, from, m.data, m.len);
}

/* A query of the usual PC, with EDNS. */
static inline unsigned ask(struct world *w, const char *name, uint16_t type)
{
    struct client pc = client_of("192.168.77.100", 40000);
    return ask_from(w, &pc, name, type);
}

/*
 * Start an answer to the latest query to a resolver (or an earlier one, by `back`), with exactly its question.
 */
static inline void answer_begin(struct world *w, unsigned back, struct wire *m, unsigned flags)
{
    MUST(w->asked > back);
    unsigned i = (w->asked - 1 - back) % WORLD_LOG;
    struct dns_question q;
    enum dns_rcode rcode;
    char name[CONF_FQDN_MAX];
    MUST(dns_question_parse(w->ask[i].data, w->ask[i].len, &q, &rcode) == DNS_CHECK_OK);
    dns_name_to_text(q.lower, q.name_len, name);
    wire_begin(m, q.id, flags, name, q.type);
    memcpy(m->data + DNS_HEADER_LEN, q.name, q.name_len);
}

static inline void deliver(struct world *w, unsigned back, const struct wire *m)
{
    unsigned i = (w->asked - 1 - back) % WORLD_LOG;
    frontend_upstream(&w->q, w->now, w->ask[i].service, w->ask[i].sock, m->data, m->len);
}

/* The resolver answers the latest question for `name` with one address. */
static inline void deliver_addr(struct world *w, const char *name, uint32_t ttl, const char *text)
{
    struct wire m;
    answer_begin(w, 0, &m, 0x8180);
    wire_addr(&m, name, ttl, text);
    deliver(w, 0, &m);
}

/* The messages of one type sent to gate, and the latest of them. */
static inline unsigned told(const struct world *w, enum msg_type type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->told && i < WORLD_LOG; i++)
        n += w->gate[i].type == type;
    return n;
}

static inline int told_last(const struct world *w, enum msg_type type)
{
    for (unsigned n = w->told; n-- > 0;)
        if (w->gate[n % WORLD_LOG].type == type)
            return (int)(n % WORLD_LOG);
    return -1;
}

/* gate answers its latest MSG_ADMIT. */
static inline void admit(struct world *w, enum msg_verdict verdict)
{
    int i = told_last(w, MSG_ADMIT);
    MUST(i >= 0);
    struct msg_admitted m = {.seq = w->gate[i].u.admit.seq, .verdict = (uint8_t)verdict};
    frontend_admitted(&w->q, w->now, &m);
}

/* ---- answers as a client sees them ---- */

struct seen {
    uint16_t id;
    unsigned rcode, count;
    uint32_t ttl; /* of the first address, or of the SOA */
    bool tc, edns, soa;
    int ede; /* -1: none */
    char text[128]; /* EXTRA-TEXT */
    char name[CONF_FQDN_MAX]; /* of the question, as it was given back */
    struct addr addrs[DNS_ADDRS_MAX];
};

static inline void see_record(struct seen *s, const ares_dns_rr_t *rr)
{
    const void *from = NULL;
    if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_A)
        from = ares_dns_rr_get_addr(rr, ARES_RR_A_ADDR);
    else if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_AAAA)
        from = ares_dns_rr_get_addr6(rr, ARES_RR_AAAA_ADDR);
    if (from == NULL)
        return;
    bool v4 = ares_dns_rr_get_type(rr) == ARES_REC_TYPE_A;
    if (s->count == 0)
        s->ttl = ares_dns_rr_get_ttl(rr);
    if (s->count < DNS_ADDRS_MAX) {
        s->addrs[s->count].family = v4 ? AF_INET : AF_INET6;
        memcpy(s->addrs[s->count].bytes, from, v4 ? 4 : 16);
    }
    s->count++;
}

static inline void see_opt(struct seen *s, const ares_dns_rr_t *rr)
{
    const unsigned char *value = NULL;
    size_t len = 0;
    s->edns = true;
    if (!ares_dns_rr_get_opt_byid(rr, ARES_RR_OPT_OPTIONS, 15, &value, &len) || len < 2)
        return;
    s->ede = value[0] << 8 | value[1];
    snprintf(s->text, sizeof(s->text), "%.*s", (int)(len - 2), (const char *)value + 2);
}

/*
 * Parse an answer. False: not a DNS message to c-ares. An error without a question (dns_build_error), which c-ares
 * rejects, is parsed here.
 */
static inline bool see(const uint8_t *data, size_t len, struct seen *s)
{
    ares_dns_record_t *rec = NULL;
    memset(s, 0, sizeof(*s));
    s->ede = -1;
    if (len >= DNS_HEADER_LEN && (data[4] | data[5]) == 0) {
        s->id = (uint16_t)(data[0] << 8 | data[1]);
        s->edns = data[11] == 1;
        s->rcode = (data[3] & 0xfu) + (s->edns && len == 23 ? data[17] * 16u : 0);
        return (data[2] & 0x80) != 0 && len == (s->edns ? 23 : DNS_HEADER_LEN);
    }
    if (ares_dns_parse(data, len, 0, &rec) != ARES_SUCCESS)
        return false;
    s->id = ares_dns_record_get_id(rec);
    s->rcode = (unsigned)ares_dns_record_get_rcode(rec);
    s->tc = ares_dns_record_get_flags(rec) & ARES_FLAG_TC;
    const char *name = NULL;
    if (ares_dns_record_query_cnt(rec) == 1 && ares_dns_record_query_get(rec, 0, &name, NULL, NULL) == ARES_SUCCESS)
        snprintf(s->name, sizeof(s->name), "%s", name);
    for (size_t i = 0; i < ares_dns_record_rr_cnt(rec, ARES_SECTION_ANSWER); i++)
        see_record(s, ares_dns_record_rr_get_const(rec, ARES_SECTION_ANSWER, i));
    for (size_t i = 0; i < ares_dns_record_rr_cnt(rec, ARES_SECTION_AUTHORITY); i++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(rec, ARES_SECTION_AUTHORITY, i);
        if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_SOA) {
            s->soa = true;
            s->ttl = ares_dns_rr_get_ttl(rr);
        }
    }
    for (size_t i = 0; i < ares_dns_record_rr_cnt(rec, ARES_SECTION_ADDITIONAL); i++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(rec, ARES_SECTION_ADDITIONAL, i);
        if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_OPT)
            see_opt(s, rr);
    }
    ares_dns_record_destroy(rec);
    return true;
}

/* The latest answer that a client got. */
static inline struct seen last(const struct world *w)
{
    struct seen s;
    MUST(w->replied != 0);
    unsigned i = (w->replied - 1) % WORLD_LOG;
    MUST(see(w->reply[i].data, w->reply[i].len, &s));
    return s;
}

#endif
