/*
 * Fuzz target: all code in dns that parses untrusted octets. The first octet selects the meaning of the rest:
 *   0  a client's query, in each mode of the box
 *   1  a resolver's answer for a listed name, as parsed by cname.c
 *   2  the same for an unlisted one, passed on in mode internet (after a matching header and question)
 *   3  a script of events: queries, answers, verdicts and modes from gate, time
 *
 * Invariants: every answer sent is also a DNS message to c-ares; an address of a listed name is sent only if gate has
 * confirmed it in the current session and its element outlives the TTL plus the grace period; no answer passed on
 * contains a private address.
 */
#define WORLD_LOG 16 /* a small fixture starts fast */
#include "unit/dns_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SCRIPT_EVENTS 256 /* of two octets each */
#define ELEMENTS (SCRIPT_EVENTS * DNS_ADDRS_MAX) /* as many as a script can add, so none is lost */
#define WILD 3 /* `*.wild.example` */

static struct world w;

/* The elements added by gate. */
static struct {
    uint16_t id;
    char name[CONF_FQDN_MAX];
    uint32_t generation;
    uint64_t until;
    struct addr addr;
} elements[ELEMENTS];
static unsigned opened;

static bool open_for(int id, const char *name, const struct addr *a, uint32_t ttl)
{
    for (unsigned i = 0; i < opened; i++)
        if (elements[i].id == id && strcasecmp(elements[i].name, name) == 0 && addr_equal(&elements[i].addr, a) &&
            elements[i].generation != 0 && elements[i].generation == w.q.mode.generation &&
            elements[i].until >= w.now + (ttl + TTL_GRACE_S) * UINT64_C(1000))
            return true;
    return false;
}

/* The listed name that an answer is for; -1: none. */
static int subject(const uint8_t *data, size_t len)
{
    struct dns_question q;
    enum dns_rcode rcode;
    uint8_t copy[DNS_MSG_MAX];
    size_t end = DNS_HEADER_LEN;
    while (end < len && data[end] != 0)
        end += 1u + data[end];
    if (end + 5 > len)
        return -1;
    memcpy(copy, data, end + 5);
    copy[2] = 0;
    memset(copy + 6, 0, 6);
    if (dns_question_parse(copy, end + 5, &q, &rcode) != DNS_CHECK_OK)
        return -1;
    return allowlist_find_wire(&w.q.listed, q.lower, q.name_len);
}

/* An HTTPS record for a listed name has no ECH key and no address that gate has not allowed. */
static void check_https(int id, const uint8_t *data, size_t len, const char *name)
{
    ares_dns_record_t *rec = NULL;
    MUST(ares_dns_parse(data, len, 0, &rec) == ARES_SUCCESS);
    for (size_t r = 0; r < ares_dns_record_rr_cnt(rec, ARES_SECTION_ANSWER); r++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(rec, ARES_SECTION_ANSWER, r);
        if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_HTTPS)
            continue;
        for (size_t i = 0; i < ares_dns_rr_get_opt_cnt(rr, ARES_RR_HTTPS_PARAMS); i++) {
            const unsigned char *value = NULL;
            size_t size = 0;
            unsigned key = ares_dns_rr_get_opt(rr, ARES_RR_HTTPS_PARAMS, i, &value, &size);
            MUST(key != ARES_SVCB_PARAM_ECH && key != ARES_SVCB_PARAM_IPV6HINT && key != ARES_SVCB_PARAM_PORT);
            for (size_t at = 0; key == ARES_SVCB_PARAM_IPV4HINT && at + 4 <= size; at += 4) {
                struct addr a = {.family = AF_INET};
                memcpy(a.bytes, value + at, 4);
                MUST(open_for(id, name, &a, ares_dns_rr_get_ttl(rr)));
            }
        }
    }
    ares_dns_record_destroy(rec);
}

static void check_answer(struct world *world, const struct client *to, const uint8_t *data, size_t len)
{
    struct seen s;
    (void)to;
    MUST(see(data, len, &s));
    int id = subject(data, len);
    if (id < 0)
        MUST(s.count == 0 || world->q.mode.mode == MODE_INTERNET);
    if (id >= 0 && s.rcode == DNS_NOERROR)
        check_https(id, data, len, s.name);
    for (unsigned i = 0; i < s.count && i < DNS_ADDRS_MAX; i++) {
        MUST(addr_kind(&s.addrs[i]) != ADDR_NO_HOST);
        if (id < 0)
            MUST(addr_kind(&s.addrs[i]) != ADDR_PRIVATE);
        else
            MUST(world->q.mode.mode == MODE_SESSION && open_for(id, s.name, &s.addrs[i], s.ttl));
    }
}

static void begin(void)
{
    world_start(&w);
    w.q.listed.complete = false;
    world_name(&w, WILD, 1, "*.wild.example");
    w.q.listed.complete = true;
    w.on_reply = check_answer;
    opened = 0;
}

/* ---- 0: queries ---- */

static void fuzz_question(const uint8_t *data, size_t size)
{
    static const enum msg_mode_kind modes[] = {MODE_CLOSED, MODE_INTERNET, MODE_SESSION};
    struct client udp = client_of("192.168.77.100", 40000), tcp = client_of("fd00:77::100", 40001);
    tcp.tcp = true;
    begin();
    for (unsigned i = 0; i < 3; i++) {
        world_mode(&w, modes[i], 1, 0, modes[i] == MODE_SESSION ? 7 : 0);
        ask_raw(&w, &udp, data, size);
        ask_raw(&w, &tcp, data, size);
    }
    for (unsigned i = 0; i < w.asked && i < WORLD_LOG; i++) {
        struct dns_question q;
        enum dns_rcode rcode;
        MUST(dns_question_parse(w.ask[i].data, w.ask[i].len, &q, &rcode) == DNS_CHECK_OK);
    }
    world_wait(&w, FRONTEND_HOLD_MS + 1000);
    MUST(w.q.live == 0); /* all lookups have ended */
}

/* ---- 1, 2: answers ---- */

static void fuzz_chain(const uint8_t *data, size_t size)
{
    static struct cname c;
    cname_read(data, size, REGISTRY_NAME, DNS_HTTPS, &c);
    MUST(c.count <= DNS_ADDRS_MAX && c.records_len <= CNAME_HTTPS_MAX);
    MUST((c.record_count > 0) == (c.result == CNAME_RECORDS) && c.result != CNAME_ADDRS);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        cname_read(data, size, REGISTRY_NAME, v6 ? DNS_AAAA : DNS_A, &c);
        MUST(c.count <= DNS_ADDRS_MAX && (c.count > 0) == (c.result == CNAME_ADDRS));
        for (unsigned i = 0; c.result == CNAME_ADDRS && i < c.count; i++)
            MUST(addr_kind(&c.addrs[i]) != ADDR_NO_HOST && c.addrs[i].family == (v6 ? AF_INET6 : AF_INET));
        MUST(c.result != CNAME_FORBIDDEN || addr_kind(&c.addrs[0]) == ADDR_NO_HOST);
    }
}

/*
 * The answer to the latest query to a resolver: correct header and question, the rest is the fuzzer's, starting with
 * flags and three counts.
 */
static void deliver_raw(const uint8_t *data, size_t size)
{
    if (w.asked == 0 || size < 8)
        return;
    struct wire m = {.len = 0};
    unsigned i = (w.asked - 1) % WORLD_LOG;
    struct dns_question q;
    enum dns_rcode rcode;
    MUST(dns_question_parse(w.ask[i].data, w.ask[i].len, &q, &rcode) == DNS_CHECK_OK);
    wire_bytes(&m, w.ask[i].data, (size_t)DNS_HEADER_LEN + q.name_len + 4);
    m.data[2] = (data[0] & 0x07) | 0x80;
    m.data[3] = data[1];
    memcpy(m.data + 6, data + 2, 6);
    size_t rest = size - 8 > DNS_MSG_MAX - m.len ? DNS_MSG_MAX - m.len : size - 8;
    wire_bytes(&m, data + 8, rest);
    frontend_upstream(&w.q, w.now, w.ask[i].service, w.ask[i].sock, m.data, m.len);
}

static void fuzz_forward(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_HTTPS, 16};
    if (size < 1)
        return;
    begin();
    world_mode(&w, MODE_INTERNET, 0, 0, 0);
    ask(&w, UNLISTED_NAME, types[data[0] % 4]);
    struct wire plain;
    struct client small = client_of("192.168.77.100", 40001);
    wire_begin(&plain, 3, 0x0100, UNLISTED_NAME, DNS_A); /* a client limited to 512 octets */
    if (data[0] & 4)
        ask_raw(&w, &small, plain.data, plain.len);
    deliver_raw(data + 1, size - 1);
    world_wait(&w, FRONTEND_TRY_MS * FRONTEND_TRIES);
    MUST(w.q.live == 0);
}

/* ---- 3: scripts ---- */

/* An existing element is renewed. */
static void open_element(const struct msg_admit *m, const struct addr *a)
{
    unsigned i = 0;
    while (i < opened && !(elements[i].id == m->id && elements[i].generation == m->generation &&
                           addr_equal(&elements[i].addr, a) && strcmp(elements[i].name, m->name) == 0))
        i++;
    if (i == opened) {
        MUST(opened < ELEMENTS);
        opened++;
        elements[i].id = m->id;
        memcpy(elements[i].name, m->name, sizeof(m->name));
        elements[i].generation = m->generation;
        elements[i].addr = *a;
        elements[i].until = 0;
    }
    uint64_t until = w.now + m->timeout_s * UINT64_C(1000);
    if (elements[i].until < until)
        elements[i].until = until;
}

/* Plays gate: confirms only for the current session. */
static void verdict(unsigned back, unsigned kind)
{
    if (w.told <= back)
        return;
    unsigned i = (w.told - 1 - back) % WORLD_LOG;
    if (w.gate[i].type != MSG_ADMIT)
        return;
    const struct msg_admit *m = &w.gate[i].u.admit;
    struct msg_admitted reply = {.seq = m->seq, .verdict = (uint8_t)(kind % (ADMIT_KERNEL + 1))};
    if (m->generation != w.q.mode.generation || w.q.mode.mode != MODE_SESSION)
        reply.verdict = ADMIT_STALE;
    for (unsigned a = 0; reply.verdict == ADMIT_OK && a < m->count; a++)
        open_element(m, &m->addrs[a]);
    frontend_admitted(&w.q, w.now, &reply);
}

static void script_question(unsigned what)
{
    static const char *const names[] = {REGISTRY_NAME,    "b.wild.example",   OTHER_NAME, UNLISTED_NAME,
                                        "x.wild.example", "a.b.wild.example", WWW_NAME,   "wild.example"};
    static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_HTTPS, DNS_A};
    static const char *const clients[] = {"192.168.77.100", "192.168.77.101", "fd00:77::1", "fe80::1"};
    struct client c = client_of(clients[what >> 3 & 3], 40000);
    c.tcp = what & 0x80;
    ask_from(&w, &c, names[what & 7 & (what & 0x40 ? 7 : 3)], types[what >> 5 & 1 ? 2 : what >> 2 & 1]);
}

/* A validating server in front: asks for zones, or for signatures. */
static void script_server(unsigned what)
{
    static const char service[] = "_8443._https." REGISTRY_NAME;
    static const char *const names[] = {"lab.example",    REGISTRY_NAME, "wild.example", "words.example",
                                        "x.wild.example", service,       "example",      UNLISTED_NAME};
    static const uint16_t types[] = {DNS_DS, DNS_DNSKEY, DNS_NS, DNS_A, DNS_AAAA, DNS_HTTPS, DNS_A, DNS_DS};
    struct client c = client_of("192.168.77.53", 5353);
    struct wire m;
    wire_begin(&m, w.id++, what & 0x80 ? 0x0110 : 0x0100, names[what & 7], types[what >> 3 & 7]);
    wire_edns(&m, DNS_MSG_MAX);
    m.data[m.len - 4] = 0x80;
    c.tcp = what & 0x40;
    ask_raw(&w, &c, m.data, m.len);
}

/* gate requests a lookup without a client; also of an unlisted name, or with a wrong id. */
static void script_resolve(unsigned what)
{
    static const char *const names[] = {REGISTRY_NAME, "b.wild.example", OTHER_NAME, UNLISTED_NAME};
    struct msg_resolve m = {.id = (uint16_t)(what >> 2 & 3)};
    snprintf(m.name, sizeof m.name, "%s", names[what & 3]);
    frontend_resolve(&w.q, w.now, &m);
}

/* gate passes a TCP connection; its answer is the fuzzer's. */
static void script_stream(unsigned service, const uint8_t *data, size_t size)
{
    static struct wire m;
    uint8_t out[DNS_MSG_MAX];
    struct dns_question q;
    enum dns_rcode rcode;
    size_t len = frontend_stream(&w.q, (uint8_t)(service % 3), 1000 + service, out);
    if (len == 0)
        return;
    MUST(dns_question_parse(out, len, &q, &rcode) == DNS_CHECK_OK);
    m.len = 0;
    wire_bytes(&m, out, (size_t)DNS_HEADER_LEN + q.name_len + 4);
    m.data[2] |= 0x80;
    memset(m.data + 6, 0, 6);
    if (q.type != DNS_A) {
        m.data[7] = 1;
        wire_bytes(&m, data, size < 1000 ? size : 1000);
    } else {
        char name[CONF_FQDN_MAX];
        dns_name_to_text(q.lower, q.name_len, name);
        for (unsigned i = 0; i < (size != 0 ? data[0] % 70u : 3); i++)
            wire_addr(&m, name, 60, "10.99.0.5");
    }
    frontend_upstream(&w.q, w.now, (uint8_t)(service % 3), 1000 + service, m.data, m.len);
}

/* back: which query is answered; `what` selects the address and the TTL. */
static void script_answer(unsigned back, unsigned what)
{
    static const char *const v4[] = {"10.99.0.5", "10.99.0.6", "192.168.77.1", "127.0.0.1", "203.0.113.7"};
    static const char *const v6[] = {"fd00:99::5", "2001:db8::5", "::1"};
    static const uint32_t ttls[] = {0, 5, 60, 86400};
    struct wire m;
    char name[CONF_FQDN_MAX];
    struct dns_question q;
    enum dns_rcode rcode;
    if (w.asked <= back)
        return;
    unsigned i = (w.asked - 1 - back) % WORLD_LOG;
    MUST(dns_question_parse(w.ask[i].data, w.ask[i].len, &q, &rcode) == DNS_CHECK_OK);
    dns_name_to_text(q.lower, q.name_len, name);
    answer_begin(&w, back, &m, what & 0x80 ? 0x8183 : 0x8180);
    if (what & 0x40)
        wire_cname(&m, name, ttls[what & 3], "edge.cdn.example");
    if (what & 0x20)
        m.data[2] |= 0x02; /* TC */
    const char *owner = what & 0x40 ? "edge.cdn.example" : name;
    if (!(what & 0x80))
        wire_addr(&m, owner, ttls[what & 3], q.type == DNS_AAAA ? v6[(what >> 2) % 3] : v4[(what >> 2) % 5]);
    deliver(&w, back, &m);
}

static void script_mode(unsigned what)
{
    unsigned mode = what % 3;
    world_mode(&w, (enum msg_mode_kind)mode, mode == MODE_SESSION ? what >> 2 & 3 : 0, what >> 4 & 3,
               mode == MODE_SESSION ? 1 + (what >> 6) : 0);
    if (mode != MODE_SESSION)
        opened = 0; /* gate empties its sets at the end of a session */
}

static void fuzz_script(const uint8_t *data, size_t size)
{
    static const uint16_t waits[] = {1, 50, 1000, 1200, 5000, 9000, 60000, 65000};
    begin();
    for (size_t i = 0; i + 1 < size && i < 2 * (size_t)SCRIPT_EVENTS; i += 2) {
        unsigned what = data[i + 1];
        if (data[i] == 0xff)
            script_stream(what, data + i + 2, size - i - 2);
        if (data[i] == 0xfe)
            script_resolve(what);
        if (data[i] == 0xfd)
            script_server(what);
        switch (data[i] & 7) {
        case 0: script_question(what); break;
        case 1: script_answer(data[i] >> 3 & 3, what); break;
        case 2: verdict(data[i] >> 3 & 3, what); break;
        case 3: script_mode(what); break;
        case 4: world_wait(&w, waits[what & 7]); break;
        case 5:
            w.gate_full = what & 1;
            w.no_socket = what & 2;
            break;
        case 6: frontend_upstream_ready(&w.q, w.now, (uint8_t)(what % 3)); break;
        case 7: deliver_raw(data + i + 2, what < size - i - 2 ? what : size - i - 2); break;
        }
        frontend_tick(&w.q, w.now);
    }
    w.gate_full = w.no_socket = false;
    world_wait(&w, FRONTEND_HOLD_MS + FRONTEND_TRY_MS * FRONTEND_TRIES + FRONTEND_ADMIT_MS);
    MUST(w.q.live == 0);
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++)
        MUST(w.q.waiting[i] == 0); /* no waiter is left without an answer */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    switch (data[0] % 4) {
    case 0: fuzz_question(data + 1, size - 1); break;
    case 1: fuzz_chain(data + 1, size - 1); break;
    case 2: fuzz_forward(data + 1, size - 1); break;
    case 3: fuzz_script(data + 1, size - 1); break;
    }
    return 0;
}
