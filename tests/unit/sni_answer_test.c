/*
 * The server's answer in an allowed flow: from segments of any size and order, retransmitted, overlapping; only from
 * that server and to that ClientHello; HelloRetryRequest, alerts, other protocols.
 */
#include "test.h"

#include "sni_fixture.h"
#include "sni_openssl.h"
#include "serverhello.h"

static struct world w; /* large */
static struct octets o, answer, m;

static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                         0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                         0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
static const uint8_t
    some_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                       0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                       0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9d}; /* as near to it as can be */

/* ---- servers' answers ---- */

static void put_answer_record(unsigned type, const void *data, size_t len)
{
    put_number(&answer, 1, type);
    put_number(&answer, 2, 0x0303);
    put_number(&answer, 2, len);
    put(&answer, data, len);
}

static void put_alert(unsigned level)
{
    put_answer_record(21, (uint8_t[]){(uint8_t)level, 112}, 2);
}

/* A ServerHello, or with that random number a HelloRetryRequest, in records of at most `piece` octets (0: in one). */
static void put_server_hello(const uint8_t random[32], unsigned version, size_t piece)
{
    m.len = 0;
    put_number(&m, 1, 2);
    size_t body = begin_length(&m, 3);
    put_number(&m, 2, version);
    put(&m, random, 32);
    put_number(&m, 1, 32);
    put_fill(&m, 32, 0x55);
    put_number(&m, 3, 0x130100);
    put_number(&m, 2, 6);
    put_number(&m, 6, 0x002b00020304);
    end_length(&m, 3, body);
    for (size_t at = 0; at < m.len; at += piece ? piece : m.len)
        put_answer_record(22, m.data + at, piece && piece < m.len - at ? piece : m.len - at);
}

/* The parser at every length of it: nothing before `there` octets, all the same from then on. */
static void assert_reads(size_t there, enum serverhello_read end, bool retry)
{
    for (size_t len = 0; len <= answer.len; len++) {
        bool again;
        uint8_t *exact = malloc(len ? len : 1);
        MUST(exact);
        memcpy(exact, answer.data, len);
        enum serverhello_read r = serverhello_read(exact, len, &again);
        free(exact);
        if (r != (len < there ? SERVERHELLO_PART : end))
            fail_msg("of %zu octets %zu: %d", answer.len, len, r);
        if (len >= there)
            assert_int_equal(again, retry);
    }
}

static void test_what_is_an_answer(void **state)
{
    (void)state;
    for (unsigned alerts = 0; alerts < 3; alerts++) {
        for (unsigned piece = 0; piece < 50; piece++) {
            answer.len = 0;
            for (unsigned i = 0; i < alerts; i++)
                put_alert(1);
            size_t before = answer.len;
            put_server_hello(some_random, 0x0303, piece);
            assert_reads(before + 38 + 5 * (piece ? (38 + piece - 1) / piece : 1), SERVERHELLO_THERE, false);
        }
    }
    /* Behind a HelloRetryRequest, and what stands between for middleboxes (RFC 8446 appendix D.4). */
    for (unsigned change = 0; change < 2; change++) {
        answer.len = 0;
        put_server_hello(retry_random, 0x0303, 7);
        if (change)
            put_answer_record(20, "\1", 1);
        size_t before = answer.len;
        put_server_hello(some_random, 0x0303, 0);
        assert_reads(before + 5 + 38, SERVERHELLO_THERE, true);
    }
}

/* The lengths that it may say, and the first that it may not. */
static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        unsigned record, message;
        enum serverhello_read reads;
    } rows[] = {{42, 38, SERVERHELLO_THERE},          {42, 37, SERVERHELLO_NONE},
                {16384, 16380, SERVERHELLO_THERE},    {16384, 16384, SERVERHELLO_THERE},
                {16384, 16385, SERVERHELLO_NONE},     {16385, 16380, SERVERHELLO_NONE},
                {16384, 65536 + 80, SERVERHELLO_NONE}};
    for (unsigned i = 0; i < COUNT(rows); i++) {
        bool retry;
        answer.len = 0;
        put_server_hello(some_random, 0x0303, 0);
        answer.data[3] = (uint8_t)(rows[i].record >> 8), answer.data[4] = (uint8_t)rows[i].record;
        for (unsigned k = 0; k < 3; k++)
            answer.data[6 + k] = (uint8_t)(rows[i].message >> (16 - 8 * k));
        assert_int_equal(serverhello_read(answer.data, answer.len, &retry), rows[i].reads);
    }
    /* A HelloRetryRequest of some length, with a cookie. */
    answer.len = 0;
    put_server_hello(retry_random, 0x0303, 0);
    size_t more = 1000;
    put_fill(&answer, more, 0x16);
    answer.data[3] = (uint8_t)((m.len + more) >> 8), answer.data[4] = (uint8_t)(m.len + more);
    answer.data[7] = (uint8_t)((m.len - 4 + more) >> 8), answer.data[8] = (uint8_t)(m.len - 4 + more);
    size_t before = answer.len;
    put_server_hello(some_random, 0x0303, 0);
    assert_reads(before + 43, SERVERHELLO_THERE, true);
}

static void test_what_is_none(void **state)
{
    (void)state;
    answer.len = 0;
    put(&answer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    assert_reads(5, SERVERHELLO_NONE, false);
    answer.len = 0; /* TLS 1.1 */
    put_server_hello(some_random, 0x0302, 0);
    assert_reads(5 + 38, SERVERHELLO_NONE, false);
    answer.len = 0; /* a fatal alert */
    put_alert(2);
    assert_reads(7, SERVERHELLO_NONE, false);
    answer.len = 0; /* warnings without end */
    for (unsigned i = 0; i <= SERVERHELLO_OTHERS_MAX; i++)
        put_alert(1);
    assert_reads(answer.len - 2, SERVERHELLO_NONE, false);
    answer.len = 0; /* nothing is changed before a HelloRetryRequest */
    put_answer_record(20, "\1", 1);
    assert_reads(5, SERVERHELLO_NONE, false);
    answer.len = 0; /* words of another kind */
    put_answer_record(23, "hello", 5);
    assert_reads(5, SERVERHELLO_NONE, false);
    answer.len = 0; /* an empty record; one that is too long */
    put_answer_record(22, "", 0);
    assert_reads(5, SERVERHELLO_NONE, false);
    answer.len = 0;
    put_number(&answer, 5, 0x1603034001);
    assert_reads(5, SERVERHELLO_NONE, false);
}

static void test_one_octet_is_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{2, 1}, {1, 2}, {5, 1}, {5, 11}, {6, 1}, {7, 0x80}, {8, 37}, {9, 2}, {10, 4}};
    for (unsigned i = 0; i < COUNT(wrong); i++) {
        bool retry;
        answer.len = 0;
        put_server_hello(some_random, 0x0303, 0);
        answer.data[wrong[i].at] = wrong[i].value;
        if (wrong[i].at == 8)
            answer.data[7] = 0;
        assert_int_equal(serverhello_read(answer.data, answer.len, &retry), SERVERHELLO_NONE);
    }
    for (unsigned inside = 1; inside < 40; inside++) { /* an alert inside of a message */
        answer.len = 0;
        put_server_hello(some_random, 0x0303, inside);
        answer.len = 5 + inside;
        put_alert(1);
        assert_reads(inside < 38 ? 5 + inside + 5 : 5 + 38, inside < 38 ? SERVERHELLO_NONE : SERVERHELLO_THERE, false);
    }
    static const struct {
        bool retry;
        uint8_t type, size;
    } others[] = {{false, 21, 1}, {false, 21, 3}, {false, 24, 2}, {true, 20, 2}, {true, 24, 1}, {true, 21, 1}};
    for (unsigned i = 0; i < COUNT(others); i++) { /* what resembles those that may come before */
        answer.len = 0;
        if (others[i].retry)
            put_server_hello(retry_random, 0x0303, 0);
        size_t before = answer.len;
        put_answer_record(others[i].type, "\1\1\1", others[i].size);
        assert_reads(before + 5, SERVERHELLO_NONE, others[i].retry);
    }
}

static void test_wrong_after_retry(void **state)
{
    (void)state;
    answer.len = 0; /* an octet more in the record of a HelloRetryRequest */
    put_server_hello(retry_random, 0x0303, 0);
    answer.data[4]++;
    put_fill(&answer, 1, 2);
    assert_reads(answer.len - 1, SERVERHELLO_NONE, false);
    answer.len = 0; /* asked again twice */
    put_server_hello(retry_random, 0x0303, 0);
    size_t one = answer.len;
    put_server_hello(retry_random, 0x0303, 0);
    assert_reads(2 * one, SERVERHELLO_NONE, true);
    answer.len = 0; /* a ServerHello in the record of a HelloRetryRequest: nobody can have been asked between */
    put_server_hello(retry_random, 0x0303, 0);
    m.data[6 + 31] ^= 1;
    put(&answer, m.data, m.len);
    answer.data[4] = (uint8_t)(2 * m.len);
    assert_reads(one, SERVERHELLO_NONE, false);
}

/* ---- servers of OpenSSL ---- */

static SSL *real_server(SSL_CTX *ctx, const char *groups)
{
    static EVP_PKEY *key;
    static X509 *cert;
    if (!key) {
        key = EVP_EC_gen("P-256");
        cert = X509_new();
        MUST(key && cert && X509_set_pubkey(cert, key) && X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
             X509_gmtime_adj(X509_getm_notAfter(cert), 3600) && X509_sign(cert, key, EVP_sha256()));
    }
    MUST(ctx && SSL_CTX_use_certificate(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key));
    MUST(!groups || SSL_CTX_set1_groups_list(ctx, (char *)groups));
    SSL *ssl = SSL_new(ctx);
    MUST(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl);
    return ssl;
}

static void test_real_servers(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *groups;
        bool retry;
    } rows[] = {{TLS1_3_VERSION, NULL, false}, {TLS1_2_VERSION, NULL, false}, {TLS1_3_VERSION, "P-384", true}};
    for (unsigned i = 0; i < COUNT(rows); i++) {
        bool retry;
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        SSL *ssl = real_server(ctx, rows[i].groups);
        o.len = answer.len = 0;
        put_real_hello(&o, &(struct real){.min = rows[i].version, .max = rows[i].version});
        BIO_write(SSL_get_rbio(ssl), o.data, (int)o.len);
        SSL_do_handshake(ssl);
        int n = BIO_read(SSL_get_wbio(ssl), answer.data, sizeof answer.data);
        assert_true(n > 80);
        answer.len = (size_t)n;
        assert_int_equal(serverhello_read(answer.data, answer.len, &retry),
                         rows[i].retry ? SERVERHELLO_PART : SERVERHELLO_THERE);
        assert_int_equal(retry, rows[i].retry);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
}

/* ---- flows ---- */

static void assert_said(uint32_t id, int what)
{
    if (world_said(&w, id) != what)
        fail_msg("packet %u: gate heard %d, not %d", id, world_said(&w, id), what);
}

/* Agreed to. */
static void begin(void)
{
    o.len = answer.len = 0;
    put_hello(&o, REGISTRY_NAME);
    world_start(&w);
    world_synack(&w);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NAME);
}

/* Octets `from` to `to` of the answer, from one who has read the whole ClientHello. */
static uint32_t says(size_t from, size_t to)
{
    return world_answer(&w, &answer, from, to, o.len);
}

/* The client's next data, which was not allowed. */
static uint32_t more(void)
{
    static const uint8_t words[64] = {23, 3, 3, 0, 59};
    return world_segment(
        &w, &(struct segment){.seq = ISS + 1 + (uint32_t)o.len, .ack = IRS + 1, .data = words, .len = sizeof words});
}

#define HEAD (5 + 38) /* of a ServerHello */

static void test_octet_by_octet(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        begin();
        put_server_hello(some_random, 0x0303, 0);
        for (unsigned i = 0; i < HEAD; i++) {
            size_t at = order == 0 ? i : order == 1 ? HEAD - 1 - i : (i * 16 + 5) % HEAD;
            assert_said(says(at, at + 1), i < HEAD - 1 ? FLOW_EARLY : FLOW_ANSWER);
            assert_int_equal(w.f.works_used, i < HEAD - 1);
        }
        assert_int_equal(w.f.stats.answered, 1);
        assert_said(says(HEAD, answer.len), FLOW_EARLY); /* under way still */
    }
}

static void test_cut_anywhere_repeated_and_overlapping(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < HEAD; cut++) {
        begin();
        put_server_hello(some_random, 0x0303, 0);
        assert_said(says(0, cut), FLOW_EARLY);
        assert_said(says(0, cut), FLOW_EARLY);
        assert_said(says(cut / 2, cut), FLOW_EARLY);
        assert_said(says(cut / 2, answer.len), FLOW_ANSWER);
        begin();
        put_server_hello(some_random, 0x0303, 0);
        assert_said(says(cut, answer.len), FLOW_EARLY);
        assert_said(says(0, cut + 1), FLOW_ANSWER);
    }
}

/* In one piece the kernel sees it, but here it is the same. And with the alert that a server sends before it. */
static void test_whole_and_behind_an_alert(void **state)
{
    (void)state;
    for (unsigned alerts = 0; alerts < 3; alerts++) {
        begin();
        for (unsigned i = 0; i < alerts; i++)
            put_alert(1);
        put_server_hello(some_random, 0x0303, 0);
        assert_said(says(0, answer.len), FLOW_ANSWER);
    }
}

/* Contradicting segments are refused, and both endpoints are reset. */
static void test_two_stories(void **state)
{
    (void)state;
    for (unsigned held = 0; held < 2; held++) {
        begin();
        put_server_hello(some_random, 0x0303, 0);
        uint32_t late = 0;
        if (held) /* of the client, behind a gap */
            late = world_segment(
                &w, &(struct segment){.seq = ISS + 1 + (uint32_t)o.len + 1, .ack = IRS + 1, .data = o.data, .len = 10});
        assert_said(says(0, 20), FLOW_EARLY);
        answer.data[19] ^= 1;
        unsigned told = w.told;
        uint32_t id = says(19, HEAD);
        assert_int_equal(w.log[told].what, FLOW_BROKEN);
        assert_int_equal(w.log[told].count,
                         held); /* no packet of the server: in the place of the first goes a reset to it */
        assert_said(id, FLOW_MORE);
        if (held)
            assert_said(late, FLOW_BROKEN);
        assert_said(more(), FLOW_MORE);
        for (unsigned i = 0; i < 600; i++) /* it does not go round for ever */
            assert_said(says(20, HEAD), i < 6 ? FLOW_MORE : FLOW_DROP);
        assert_int_equal(w.f.works_used, 0);
    }
    begin(); /* before the server's first octet, and in it */
    put_server_hello(some_random, 0x0303, 0);
    assert_said(world_answer_of(&w, &(struct segment){.client = SERVER,
                                                      .server = CLIENT,
                                                      .seq = IRS,
                                                      .ack = ISS + 1 + (uint32_t)o.len,
                                                      .data = answer.data,
                                                      .len = 2}),
                FLOW_MORE);
}

/* A segment that this server did not say in answer to this ClientHello is none, whatever it says. */
static void test_forged(void **state)
{
    (void)state;
    const struct {
        size_t shift; /* of the stream */
        int acked;    /* less than, more than the ClientHello */
        bool good;
    } rows[] = {{0, 0, true},        {0, 1, true} /* (the client's FIN) */,
                {0, 2, false},       {0, -1, false},
                {0, -100000, false}, {0, 0x40000000, false},
                {1, 0, false},       {ANSWER_MAX, 0, false},
                {100000, 0, false}};
    for (unsigned i = 0; i < COUNT(rows); i++) {
        begin();
        put_server_hello(some_random, 0x0303, 0);
        uint32_t id = world_answer_of(&w, &(struct segment){.client = SERVER,
                                                            .server = CLIENT,
                                                            .seq = IRS + 1 + (uint32_t)rows[i].shift,
                                                            .ack = ISS + 1 + (uint32_t)((int)o.len + rows[i].acked),
                                                            .data = answer.data,
                                                            .len = answer.len});
        assert_said(id, rows[i].good ? FLOW_ANSWER : FLOW_EARLY);
        assert_said(more(), rows[i].good ? FLOW_AFTER : FLOW_SECOND);
    }
    /* With a wrong checksum (the client discards it); from elsewhere; before it was allowed; without a session. */
    static const struct segment of[] = {{.flags = PACKET_ACK | PACKET_URG}, {.flags = PACKET_ACK | PACKET_RST}};
    for (unsigned i = 0; i < COUNT(of); i++) {
        begin();
        put_server_hello(some_random, 0x0303, 0);
        struct segment s = of[i];
        s.client = SERVER, s.server = CLIENT, s.seq = IRS + 1, s.ack = ISS + 1 + (uint32_t)o.len;
        s.data = answer.data, s.len = answer.len;
        assert_said(world_answer_of(&w, &s), FLOW_EARLY);
        assert_said(more(), FLOW_SECOND);
    }
    begin();
    put_server_hello(some_random, 0x0303, 0);
    struct segment s = {.client = "10.99.0.6",
                        .server = CLIENT,
                        .seq = IRS + 1,
                        .ack = ISS + 1 + (uint32_t)o.len,
                        .data = answer.data,
                        .len = answer.len};
    assert_said(world_answer_of(&w, &s), FLOW_EARLY); /* (as in a flow allowed before sni was restarted) */
    world_mode(&w, MODE_CLOSED, 0);
    assert_said(says(0, answer.len), FLOW_DROP);
    world_mode(&w, MODE_SESSION, 8);
    world_synack(&w);
    assert_said(says(0, answer.len), FLOW_DROP);
    world_piece(&w, &o, 0, 20);
    assert_said(says(0, answer.len), FLOW_DROP);
    assert_int_equal(w.f.stats.answered, 0);
}

/* What only a server might throw away is heard by a client, and never comes again: SACK blocks, a far server. */
static void test_heard_all_the_same(void **state)
{
    (void)state;
    static const uint8_t sack[] = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9};
    begin();
    put_server_hello(some_random, 0x0303, 0);
    assert_said(world_answer_of(&w, &(struct segment){.client = SERVER,
                                                      .server = CLIENT,
                                                      .seq = IRS + 1,
                                                      .ack = ISS + 1 + (uint32_t)o.len,
                                                      .data = answer.data,
                                                      .len = 3,
                                                      .options = sack,
                                                      .options_len = sizeof sack}),
                FLOW_EARLY);
    assert_said(says(3, answer.len), FLOW_ANSWER);
}

/*
 * A SYN-ACK before gate's verdict is there, and one after it: gate is told of a flow of this service, and believes
 * it.
 */
static void test_refused_between_two_synacks(void **state)
{
    (void)state;
    begin();
    put_server_hello(some_random, 0x0303, 0);
    world_synack_from(&w, false, IRS + 5000, CLIENT, SERVER, 40000, ISS, NULL, 0);
    world_synack_from(&w, true, IRS + 9000, CLIENT, SERVER, 40000, ISS, NULL, 0);
    assert_said(says(0, 1), FLOW_MORE);
    const struct msg_flow *refused = &w.log[(w.told - 2) % WORLD_LOG];
    assert_true(refused->what == FLOW_SECOND && refused->service == 1);
}

/* The second ClientHello is read as ever, and only what comes behind it is the answer. */
static void test_asked_again(void **state)
{
    (void)state;
    static const char *const names[] = {REGISTRY_NAME, "x.wild.example", NULL};
    for (unsigned n = 0; n < COUNT(names); n++) {
        begin();
        size_t first = o.len;
        put_server_hello(retry_random, 0x0303, 0);
        size_t retry = answer.len;
        put_server_hello(some_random, 0x0303, 0);
        for (size_t i = 0; i < retry; i++)
            assert_said(says(i, i + 1), FLOW_EARLY);
        if (!names[n]) { /* a ServerHello without it */
            assert_said(says(retry, answer.len), FLOW_MORE);
            assert_int_equal(w.f.stats.answered, 0);
            continue;
        }
        put_hello(&o, names[n]);
        struct segment s = {.seq = ISS + 1 + (uint32_t)first,
                            .ack = IRS + 1 + (uint32_t)retry,
                            .data = o.data + first,
                            .len = o.len - first};
        assert_said(world_segment(&w, &s), n == 0 ? FLOW_NAME : FLOW_SECOND);
        if (n > 0)
            continue;
        /* From one who has read the first only, as it may come late: no answer. */
        assert_said(world_answer(&w, &answer, retry, answer.len, first), FLOW_EARLY);
        for (size_t i = retry; i < retry + HEAD; i++)
            assert_said(says(i, i + 1), i < retry + HEAD - 1 ? FLOW_EARLY : FLOW_ANSWER);
        assert_said(more(), FLOW_AFTER);
    }
    /* The server speaks while the second ClientHello is half there: that half is not what it has read. */
    begin();
    put_server_hello(retry_random, 0x0303, 0);
    size_t first = o.len, retry = answer.len;
    put_server_hello(some_random, 0x0303, 0);
    says(0, retry);
    put_hello(&o, REGISTRY_NAME);
    uint32_t half = world_segment(
        &w, &(struct segment){.seq = ISS + 1 + (uint32_t)first, .ack = IRS + 1, .data = o.data + first, .len = 50});
    assert_said(half, -1);
    assert_said(world_answer(&w, &answer, retry, answer.len, first), FLOW_MORE);
    assert_said(half, FLOW_BROKEN);
}

/* What the client had said before the kernel knew goes through the rules again, but not for ever. */
static void test_what_was_under_way(void **state)
{
    (void)state;
    begin();
    put_server_hello(some_random, 0x0303, 0);
    struct segment s = {.seq = ISS + 1 + (uint32_t)o.len + 1, .ack = IRS + 1, .data = o.data, .len = 10};
    uint32_t held = world_segment(&w, &s), last = 0;
    assert_said(held, -1);
    assert_said(says(0, answer.len), FLOW_ANSWER);
    assert_said(held, FLOW_AFTER);
    for (unsigned i = 0; i < 20; i++) {
        last = more();
        assert_said(last, i < 8 ? FLOW_AFTER : FLOW_DROP);
        assert_int_equal(world_last(&w)->seq, ISS + 1);
    }
    /* Another connection on the same ports is a question again. */
    world_synack_from(&w, false, IRS + 9000, CLIENT, SERVER, 40000, ISS, NULL, 0);
    assert_said(more(), FLOW_BROKEN);
}

/* No octet beyond the room for it is looked at, and a server that says something else is heard all the same. */
static void test_bounds(void **state)
{
    (void)state;
    begin();
    put_fill(&answer, 65000, 0x16);
    for (size_t at = 0; at < answer.len; at += 1000)
        assert_said(says(at, at + 1000), FLOW_EARLY);
    assert_said(more(), FLOW_SECOND);
    /* What is no answer is not compared with itself either. */
    begin();
    put_fill(&answer, 20, 'H');
    assert_said(says(0, 10), FLOW_EARLY);
    answer.data[9] = 'X';
    assert_said(says(9, 20), FLOW_EARLY);
    /* A segment larger than the room. */
    begin();
    put_server_hello(some_random, 0x0303, 0);
    put_fill(&answer, ANSWER_MAX, 0x17);
    assert_said(says(10, answer.len), FLOW_EARLY);
    assert_said(says(0, 10), FLOW_ANSWER);
    /* A HelloRetryRequest that never ends. */
    begin();
    put_server_hello(retry_random, 0x0303, 0);
    put_number(&answer, 5, 0x1603034000);
    answer.data[7] = 0x3f;
    answer.data[4] = 255;
    put_fill(&answer, 4000, 0);
    for (size_t at = 0; at < answer.len; at += 100)
        assert_said(says(at, at + 100 > answer.len ? answer.len : at + 100), FLOW_EARLY);
    assert_int_equal(w.f.works[0].answer.stream.top <= ANSWER_MAX, 1);
    /* Agreed to long ago: it is heard, and the client is not. */
    begin();
    put_server_hello(some_random, 0x0303, 0);
    world_wait(&w, FLOWS_AGREED_MS + 1);
    assert_said(says(0, answer.len), FLOW_EARLY);
    assert_said(more(), FLOW_DROP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_an_answer),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_one_octet_is_wrong),
        cmocka_unit_test(test_wrong_after_retry),
        cmocka_unit_test(test_real_servers),
        cmocka_unit_test(test_octet_by_octet),
        cmocka_unit_test(test_cut_anywhere_repeated_and_overlapping),
        cmocka_unit_test(test_whole_and_behind_an_alert),
        cmocka_unit_test(test_two_stories),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_heard_all_the_same),
        cmocka_unit_test(test_refused_between_two_synacks),
        cmocka_unit_test(test_asked_again),
        cmocka_unit_test(test_what_was_under_way),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
