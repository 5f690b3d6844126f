/*
 * Fuzz target for sni: packets of a PC and of a server. The first octet selects the target:
 *   0  the parsers of ClientHello and ServerHello: results for parts and for the whole must agree, wherever the stream is cut off
 *   1  input from the kernel: netlink messages and IP packets of any shape, refused packets
 *   2  the flow table: a script of SYN-ACKs, segments of prepared or given streams in any order, time, sessions, with a
 *      server that accepts everything that passed. It aborts when an id is reported twice or never, when anything but a
 *      complete, well-formed ClientHello with a listed name was allowed, when the octets that reached the server differ
 *      (before it, after it, in a second one), or when octets that the server would discard were used; and when a
 *      segment passed as an answer that acknowledges anything but the allowed octets.
 *      With 2 any name could be listed (there is a wildcard), with 3 only names that begin like a listed one.
 */
#include "../unit/sni_fixture.h"
#include "../unit/sni_netlink.h"

#include "blocked.h"
#include "serverhello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world w; /* large; reset by begin() */

/* ---- 0: the parser ---- */

static void check_prefix(const uint8_t *data, size_t len, enum clienthello_read whole, const struct clienthello *end)
{
    struct clienthello h;
    enum clienthello_read r = clienthello_read(data, len, &h);
    MUST(memchr(h.name, '\0', sizeof h.name));
    MUST(r != CLIENTHELLO_WRONG || (h.why && h.what >= FLOW_NOT_TLS && h.what < FLOW_WHAT_COUNT));
    MUST(r != CLIENTHELLO_WHOLE || (h.end <= len && h.has_name == CLIENTHELLO_NAME_WHOLE));
    if (whole == CLIENTHELLO_PART)
        MUST(r == CLIENTHELLO_PART);
    if (whole == CLIENTHELLO_WHOLE)
        MUST(r == (len < end->end ? CLIENTHELLO_PART : CLIENTHELLO_WHOLE));
    if (whole == CLIENTHELLO_WRONG)
        MUST(r != CLIENTHELLO_WHOLE);
    if (r != CLIENTHELLO_WRONG && whole != CLIENTHELLO_WRONG)
        MUST(strncmp(h.name, end->name, strlen(h.name)) == 0);
}

/* A final result for a prefix must not change with more octets. */
static void fuzz_answer(const uint8_t *data, size_t size)
{
    bool retry, again;
    enum serverhello_read whole = serverhello_read(data, size, &retry);
    for (size_t len = 0; len < size; len += 1 + size / 64) {
        enum serverhello_read part = serverhello_read(data, len, &again);
        MUST(part == SERVERHELLO_PART || (part == whole && again == retry));
        MUST(!again || retry);
    }
    MUST(whole != SERVERHELLO_THERE || size >= 43);
}

static void fuzz_parser(const uint8_t *data, size_t size)
{
    fuzz_answer(data, size);
    struct clienthello h;
    size_t next;
    enum clienthello_read r = clienthello_read(data, size, &h);
    check_prefix(data, size, r, &h);
    for (size_t len = 0; len < size; len += 1 + size / 64)
        check_prefix(data, len, r, &h);
    if (r == CLIENTHELLO_WHOLE)
        check_prefix(data, h.end, r, &h);
    clienthello_rest(data, size, size % 2, &next);
    MUST(next == SIZE_MAX || (next < size && data[next] == 22));
}

/* ---- 1: input from the kernel ---- */

static unsigned blocked_told; /* in this run */

static bool on_blocked(void *user, const struct msg_blocked *m)
{
    (void)user;
    MUST(m->count > 0 && m->reason[0] != '\0' && strspn(m->reason, "abcdefghijklmnopqrstuvwxyz-") == strlen(m->reason));
    blocked_told++;
    return blocked_told % 3 != 2; /* gate's socket is full now and then */
}

static void fuzz_kernel(const uint8_t *data, size_t size)
{
    static struct blocked b;
    static _Alignas(struct nlmsghdr) uint8_t copy[16384];
    struct queued q;
    uint64_t skipped = 0;
    blocked_told = 0;
    blocked_init(&b, w.now, on_blocked, NULL, &skipped);
    if (size < 4 || size > sizeof copy - 64)
        return;
    /* a header as made by the kernel; subsystem, kind and the rest are the fuzzer's */
    struct nlmsghdr *m =
        netlink_begin(copy, data[0] % 2 ? NFNL_SUBSYS_QUEUE : NFNL_SUBSYS_ULOG, data[1] % 2, data[2] % 4);
    memcpy(copy + m->nlmsg_len, data + 3, size - 3);
    m->nlmsg_len += (uint32_t)(size - 3);
    const size_t len = m->nlmsg_len;
    uint8_t *exact = malloc(len); /* of this size, for ASan */
    MUST(exact);
    memcpy(exact, copy, len);
    queue_read((const struct nlmsghdr *)exact, &q);
    MUST(q.data == NULL || (q.data >= exact && q.data + q.len <= exact + len));
    for (unsigned i = 0; i < 3; i++) {
        if (q.what == QUEUE_LOG)
            blocked_packet(&b, w.now, &q);
        w.now += 5000;
        blocked_due(&b, w.now);
    }
    if (q.what == QUEUE_PACKET && q.answer)
        world_answer_raw(&w, q.data, q.len);
    if (q.what == QUEUE_PACKET && q.mark != 0)
        world_raw(&w, q.data, q.len);
    if (q.what == QUEUE_SYNACK)
        flows_synack(&w.f, w.now, q.agreed, q.data, q.len);
    free(exact);
    struct packet p;
    packet_head(data, size, &p);
    if (packet_tcp(data, size, data[0] % 2, &p))
        MUST(p.data >= data && p.data + p.len <= data + size);
    world_raw(&w, data, size);
    world_answer_raw(&w, data, size);
    flows_synack(&w.f, w.now, data[0] & 2, data, size);
    world_raw(&w, data, size);
}

/* ---- 2: scripts ---- */

#define PORTS 4
#define WILD 1 /* WILD_NAME among the listed names */
#define SEGMENTS 4096
#define OCTETS (2u << 20) /* in all segments of a script: a longer input would count as a time-out */

static struct {
    const uint8_t *data;
    uint32_t begin, len, connection;
    uint8_t port;
    bool unread; /* the server discards it */
    bool forged; /* from the server, but not acknowledging what it has read */
} segments[SEGMENTS]; /* by id */

/* The octets that reached the server, per connection; a port may have several in succession. */
#define THERE 1
#define DROPPED 2 /* missing, but seen by sni, which dropped the packet */
static struct {
    uint32_t connection; /* counts up */
    uint32_t iss;
    bool refused, answered;
    unsigned agreed; /* ClientHellos */
    char name[CONF_FQDN_MAX]; /* the allowed one */
    uint32_t top;
    uint8_t octets[STREAM_MAX + 1], data[STREAM_MAX + 1];
} servers[PORTS];

static struct octets streams[8];

static void make_streams(void)
{
    static const struct shape shapes[] = {
        {.name = REGISTRY_NAME, TLS13},
        {.name = REGISTRY_NAME, TLS13, .pad = 1500},
        {.name = "decoy.example.net", TLS13},
        {.name = NOISE_NAME, TLS13, .ech = true, .early_data = true},
        {.name = REGISTRY_NAME, TLS13, .ech = true},
        {.name = "x.wild.example", .pad = 16000},
        {.name = REGISTRY_NAME, TLS13},
        {.name = REGISTRY_NAME, TLS13, .early_data = true},
    };
    static const size_t pieces[] = {0, 0, 0, 0, 0, 300, 10, 0};
    static const uint8_t ccs[] = {20, 3, 3, 0, 1, 1};
    if (streams[0].len > 0)
        return;
    for (unsigned i = 0; i < 8; i++) {
        put_hello_in(&streams[i], &shapes[i], pieces[i]);
        put(&streams[i], ccs, sizeof ccs);
        if (i == 7)
            put_record(&streams[i], 23, streams[0].data, streams[0].len);
        /* after a HelloRetryRequest; one now has another listed name, one an encrypted one */
        put_hello_in(&streams[i], &shapes[i == 1 ? 3 : i == 6 ? 4 : i], 0);
        put_hello_in(&streams[i], &shapes[i], 0); /* there is never a third */
    }
}

static void move_top(unsigned port)
{
    while (servers[port].top < STREAM_MAX && servers[port].octets[servers[port].top] & THERE)
        servers[port].top++;
}

static void server_takes(unsigned port, uint32_t begin, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len && begin + i < STREAM_MAX; i++) {
        uint32_t at = begin + i;
        MUST(!(servers[port].octets[at] & THERE) || servers[port].data[at] == data[i]); /* never two different values */
        servers[port].octets[at] |= THERE;
        servers[port].data[at] = data[i];
    }
    move_top(port);
}

/* sni drops a packet: the server misses it, but sni may know its content. */
static void server_misses(unsigned port, uint32_t begin, uint32_t len)
{
    for (uint32_t i = 0; i < len && begin + i < STREAM_MAX; i++)
        servers[port].octets[begin + i] |= DROPPED;
}

/*
 * sni allows what it has read. A packet of that may have been dropped for lack of room: the server gets it when the
 * client retransmits it, which must then be identical (server_takes). Nothing else may be missing.
 */
static void repeated_later(unsigned port)
{
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++) {
        const struct flow_work *work = &w.f.works[i];
        if (w.f.due[i] == 0 || work->flow->client_port != 40000 + port)
            continue;
        for (uint32_t at = servers[port].top; at < work->stream.have; at++)
            if (!(servers[port].octets[at] & THERE)) {
                MUST(servers[port].octets[at] & DROPPED);
                servers[port].octets[at] |= THERE;
                servers[port].data[at] = work->stream.data[at];
            }
    }
    move_top(port);
}

/*
 * An independent version of allowlist.c: can a listed name of service 1 begin like this; with `whole`: is it this
 * one?
 */
static bool may_go_on(const char *name, bool whole, bool *noise)
{
    for (unsigned i = 0; i < w.f.listed.count; i++) {
        const char *n = w.f.listed.names[i].text;
        size_t len = strlen(name), tail = strlen(n + 1);
        *noise = w.f.listed.names[i].ech_noise;
        if (w.f.listed.names[i].service != 1)
            continue;
        if (n[0] == '*' ? !whole || (len > tail && strcmp(name + len - tail, n + 1) == 0)
                        : strncmp(n, name, len) == 0 && (!whole || n[len] == '\0'))
            return true;
    }
    return false;
}

/* A possibly incomplete ClientHello that reaches the server before it is allowed. */
static void only_a_beginning(const uint8_t *data, size_t len, const char *name)
{
    struct clienthello h;
    bool noise;
    MUST(clienthello_read(data, len, &h) == CLIENTHELLO_PART);
    MUST(may_go_on(h.name, h.has_name == CLIENTHELLO_NAME_WHOLE, &noise));
    MUST(!name || strncmp(h.name, name, strlen(h.name)) == 0);
}

/* A complete ClientHello with this name, and nothing in it that could mean another. */
static void is_listed(const uint8_t *data, size_t len, const char *name, struct clienthello *h)
{
    MUST(clienthello_read(data, len, h) == CLIENTHELLO_WHOLE && strcmp(h->name, name) == 0);
    bool noise;
    MUST(may_go_on(name, true, &noise) && (!h->ech || noise));
}

/* After the first ClientHello: allowed records, and at most one more ClientHello for the same name. */
static void server_reads_on(unsigned port, const uint8_t *data, size_t len, bool early_data)
{
    struct clienthello h;
    size_t next;
    MUST(!clienthello_rest(data, len, early_data, &next));
    if (next == SIZE_MAX || servers[port].agreed < 2) {
        MUST(servers[port].agreed < 2);
        if (next != SIZE_MAX)
            only_a_beginning(data + next, len - next, servers[port].name);
        return;
    }
    data += next;
    len -= next;
    is_listed(data, len, servers[port].name, &h);
    MUST(!clienthello_rest(data + h.end, len - h.end, false, &next) && next == SIZE_MAX);
}

/* The octets that reached the server must match what sni reported. */
static void server_reads(unsigned port, const struct msg_flow *m)
{
    const uint8_t *data = servers[port].data;
    struct clienthello h;
    if (m->what == FLOW_NAME) {
        MUST(servers[port].agreed == 0 || strcmp(servers[port].name, m->name) == 0);
        strcpy(servers[port].name, m->name);
        servers[port].agreed++;
        repeated_later(port);
    }
    if (servers[port].agreed == 0) {
        only_a_beginning(data, servers[port].top, NULL);
        return;
    }
    is_listed(data, servers[port].top, servers[port].name, &h);
    server_reads_on(port, data + h.end, servers[port].top - h.end, h.early_data);
}

static void on_flow(struct world *world, const struct msg_flow *m)
{
    (void)world;
    unsigned port = m->client_port - 40000u;
    if (m->what >= FLOW_NOT_TLS && m->what != FLOW_NO_START && port < PORTS)
        servers[port].refused = true;
    if (m->what == FLOW_ANSWER) {
        MUST(port < PORTS && m->count == 1 && servers[port].agreed > 0 && !servers[port].refused);
        MUST(!segments[m->packets[0]].forged);
        servers[port].answered = true;
    }
    MUST(m->what != FLOW_AFTER || (port < PORTS && servers[port].answered));
    if (m->what != FLOW_NAME && m->what != FLOW_EARLY && m->what != FLOW_DROP)
        return;
    MUST(port < PORTS);
    for (unsigned i = 0; i < m->count; i++) {
        unsigned at = m->packets[i];
        if (segments[at].len == 0)
            continue; /* lets nothing out */
        if (m->what == FLOW_DROP) {
            if (segments[at].connection == servers[port].connection)
                server_misses(port, segments[at].begin, segments[at].len);
            continue;
        }
        MUST(!servers[port].refused);
        MUST(segments[at].port == port && !segments[at].unread);
        MUST(segments[at].connection == servers[port].connection);
        server_takes(port, segments[at].begin, segments[at].data, segments[at].len);
    }
    if (m->what != FLOW_DROP && !servers[port].refused)
        server_reads(port, m);
}

static void connect_again(unsigned port, uint32_t iss)
{
    uint32_t connection = servers[port].connection + 1;
    memset(&servers[port], 0, sizeof servers[port]);
    servers[port].connection = connection;
    servers[port].iss = iss;
}

static void script_mode(enum msg_mode_kind mode, uint32_t generation)
{
    if (mode != w.f.mode.mode || generation != w.f.mode.generation)
        for (unsigned i = 0; i < PORTS; i++) /* the kernel has reset all earlier connections */
            connect_again(i, servers[i].iss);
    world_mode(&w, mode, generation);
}

static void script_synack(unsigned port, unsigned what)
{
    static const uint32_t isses[] = {0, 77, 0x7ffffff0, 0xffffff00};
    uint32_t iss = isses[what % 4] + (what >> 2);
    if (servers[port].connection == 0 || servers[port].iss != iss)
        connect_again(port, iss);
    world_synack_to(&w, CLIENT, SERVER, (uint16_t)(40000 + port), iss, NULL, 0);
}

static void script_segment(unsigned port, const uint8_t *data, uint32_t begin, uint32_t len, unsigned odd)
{
    static const uint8_t md5[20] = {19, 18};
    uint32_t id = w.ids + 1;
    struct segment s = {.seq = servers[port].iss + 1 + begin,
                        .ack = IRS + 1,
                        .port = (uint16_t)(40000 + port),
                        .data = data,
                        .len = len};
    bool unread = true;
    switch (odd % 16) {
    case 1: s.hops = 7; break;
    case 2: s.flags = PACKET_ACK | PACKET_URG; break;
    case 3:
        s.options = md5;
        s.options_len = sizeof md5;
        break;
    case 4:
        s.ack = IRS + 2;
        unread = servers[port].agreed == 0; /* after HelloRetryRequest this is normal */
        break;
    default: unread = false;
    }
    segments[id].data = data;
    segments[id].begin = begin;
    segments[id].len = len;
    segments[id].port = (uint8_t)port;
    segments[id].unread = unread;
    segments[id].connection = servers[port].connection;
    world_segment(&w, &s);
}

static struct octets answers[4];

static void put_answer(struct octets *o, const uint8_t random[32])
{
    put_number(o, 5, 0x160303002a);
    put_number(o, 6, 0x020000260303);
    put(o, random, 32);
    put_number(o, 4, 0x00130100);
}

/* A ServerHello; after a HelloRetryRequest; after alerts; and lookalikes. */
static void make_answers(void)
{
    static const uint8_t retry[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                      0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                      0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    static const uint8_t random[32] = {0xcf, 0x22};
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 1, 112}, fatal[] = {21, 3, 3, 0, 2, 2, 40};
    if (answers[0].len > 0)
        return;
    for (unsigned i = 0; i < 4; i++) {
        put(&answers[i], i == 2 ? alert : fatal, i < 2 ? 0 : sizeof alert);
        if (i == 1)
            put_answer(&answers[i], retry);
        put_answer(&answers[i], random);
    }
}

static void script_answer(unsigned port, const struct octets *s, uint32_t begin, uint32_t len, unsigned odd)
{
    uint32_t id = w.ids + 1, read = servers[port].top;
    segments[id] = segments[0]; /* lets nothing out */
    segments[id].forged = servers[port].agreed == 0 || odd == 1 || odd == 2;
    world_answer_of(&w,
                    &(struct segment){.client = SERVER,
                                      .server = CLIENT,
                                      .port = (uint16_t)(40000 + port),
                                      .seq = IRS + 1 + begin + (odd == 3),
                                      .ack = servers[port].iss + 1 + (odd == 1 ? read / 2 : read) + (odd == 2 ? 2 : 0),
                                      .data = s->data + begin,
                                      .len = len});
}

static void fuzz_script(const uint8_t *data, size_t size)
{
    static const uint16_t waits[] = {1, 10, 39, 40, 100, 1000, 5000, 11000};
    static const uint16_t lens[] = {1, 2, 5, 16, 64, 100, 300, 536, 1000, 1300, 1460, 4000, 9000, 20000, 24000, 30000};
    for (unsigned i = 0; i < PORTS; i++)
        memset(&servers[i], 0, sizeof servers[i]);
    memset(segments, 0, sizeof segments);
    w.on_flow = on_flow;
    uint32_t octets = 0;
    for (size_t i = 0; i + 5 < size && w.ids < SEGMENTS - 1 && octets < OCTETS;) {
        unsigned op = data[i], port = data[i + 1] % PORTS, a = data[i + 2], b = data[i + 3], c = data[i + 4];
        const struct octets *s = &streams[op >> 4 & 7];
        uint32_t begin = a << 8 | b, len = lens[c & 15];
        i += 5;
        octets += len;
        switch (op & 15) {
        case 0: script_synack(port, a); break;
        case 1: world_wait(&w, waits[a & 7]); break;
        case 2: script_mode(a % 8 ? MODE_SESSION : MODE_CLOSED, 7 + b % 2); break;
        case 3: /* the fuzzer's own octets */
            len = len > size - i ? (uint32_t)(size - i) : len;
            script_segment(port, data + i, begin % 2000, len, c >> 4);
            i += len;
            break;
        case 6: /* the server's */
            s = &answers[op >> 4 & 3];
            begin %= (uint32_t)s->len;
            script_answer(port, s, begin, len > s->len - begin ? (uint32_t)s->len - begin : len, c >> 4);
            break;
        default: /* a piece of a prepared stream, where it belongs, or (4) somewhere else */
            if (begin >= s->len)
                begin %= (uint32_t)s->len;
            if (len > s->len - begin)
                len = (uint32_t)s->len - begin;
            script_segment(port, s->data + begin, (op & 15) == 4 ? begin + (c >> 4) : begin, len,
                           (op & 15) == 5 ? c >> 4 : 0);
        }
        MUST(w.f.works_used <= FLOWS_WORKS_MAX && w.f.agreed_used <= w.f.works_used);
    }
    world_wait(&w, FLOWS_SLOW_MS + FLOWS_AGREED_MS);
    MUST(w.f.works_used == 0 && w.f.agreed_used == 0);
    for (uint32_t id = 1; id <= w.ids; id++)
        MUST(world_said(&w, id) >= 0); /* no packet was forgotten */
}

/* The tables are large: clear only what a run has used. */
static void begin(bool wildcard)
{
    static bool made;
    if (!made) {
        world_start(&w);
        made = true;
    }
    world_mode(&w, MODE_CLOSED, 0); /* all held packets are dropped, all flows forgotten */
    world_mode(&w, MODE_SESSION, 7);
    w.f.listed.names[WILD].service = wildcard ? 1 : 2;
    w.on_flow = NULL;
    w.ids = w.told = 0;
    w.now = 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    make_streams();
    make_answers();
    begin(data[0] % 4 != 3);
    switch (data[0] % 4) {
    case 0: fuzz_parser(data + 1, size - 1); break;
    case 1: fuzz_kernel(data + 1, size - 1); break;
    default: fuzz_script(data + 1, size - 1); break;
    }
    world_mode(&w, MODE_CLOSED, 0);
    return 0;
}
