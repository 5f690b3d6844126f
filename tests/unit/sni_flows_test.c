/* The flow table: a ClientHello in every segmentation, and what a client must not be able to do. */
#include "test.h"

#include "sni_openssl.h"

static struct world w; /* large */
static struct octets o, more;

static void assert_said(uint32_t id, int what)
{
    if (world_said(&w, id) != what)
        fail_msg("packet %u: gate heard %d, not %d", id, world_said(&w, id), what);
}

static void assert_last(enum msg_flow_what what, unsigned count, const char *name)
{
    assert_int_equal(world_last(&w)->what, what);
    assert_int_equal(world_last(&w)->count, count);
    assert_string_equal(world_last(&w)->name, name);
}

static void begin(void)
{
    world_start(&w);
    world_synack(&w);
}

static void with(struct shape s)
{
    o.len = 0;
    put_hello_in(&o, &s, 0);
}

/* One segment with all of `o`: what does gate hear? */
static void assert_whole_is(enum msg_flow_what what)
{
    begin();
    assert_said(world_piece(&w, &o, 0, o.len), (int)what);
    assert_int_equal(w.told, 1);
}

/* ---- what is good ---- */

static void test_one_segment(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    assert_whole_is(FLOW_NAME);
    assert_last(FLOW_NAME, 1, REGISTRY_NAME);
    const struct msg_flow *m = world_last(&w);
    struct addr client, server;
    assert_true(conf_parse_addr(CLIENT, &client) && conf_parse_addr(SERVER, &server));
    assert_true(addr_equal(&m->client, &client) && addr_equal(&m->server, &server));
    assert_int_equal(m->client_port, 40000);
    assert_int_equal(m->server_port, 443);
    assert_int_equal(m->service, 1);
    with((struct shape){.name = "A.B.wild.example", TLS13});
    assert_whole_is(FLOW_NAME);
    assert_last(FLOW_NAME, 1, "a.b.wild.example");
}

static void test_ipv6(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    world_start(&w);
    world_synack_to(&w, "fd00:77::9", "fd00:99::5", 40000, ISS, NULL, 0);
    struct segment s = {
        .client = "fd00:77::9", .server = "fd00:99::5", .seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = o.len};
    assert_said(world_segment(&w, &s), FLOW_NAME);
    s.client = "fd00:77::8"; /* another host's flow was never begun */
    assert_said(world_segment(&w, &s), FLOW_NO_START);
}

static void test_two_segments_at_every_octet(void **state)
{
    (void)state;
    o.len = 0;
    put_real_hello(&o, &(struct real){.min = TLS1_2_VERSION, .max = TLS1_3_VERSION});
    assert_true(o.len > 1460);
    for (size_t cut = 1; cut < o.len; cut++)
        for (int swapped = 0; swapped < 2; swapped++) {
            begin();
            uint32_t first = swapped ? world_piece(&w, &o, cut, o.len) : world_piece(&w, &o, 0, cut);
            assert_said(first, -1);
            uint32_t second = swapped ? world_piece(&w, &o, 0, cut) : world_piece(&w, &o, cut, o.len);
            assert_last(FLOW_NAME, 2, REGISTRY_NAME);
            assert_int_equal(world_last(&w)->packets[0], first); /* in the order in which they came */
            assert_int_equal(world_last(&w)->packets[1], second);
            assert_int_equal(w.told, 1);
        }
}

static void test_three_segments_in_every_order(void **state)
{
    (void)state;
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    with((struct shape){.name = REGISTRY_NAME, TLS13, .pad = 3000});
    for (unsigned i = 0; i < 6; i++) {
        size_t cut[4] = {0, 1400, 2800, o.len};
        begin();
        for (unsigned k = 0; k < 3; k++)
            world_piece(&w, &o, cut[orders[i][k]], cut[orders[i][k] + 1]);
        assert_last(FLOW_NAME, 3, REGISTRY_NAME);
        assert_int_equal(w.told, 1);
    }
}

/* Each octet a segment, as a client may with TCP_NODELAY: the window of acknowledgements opens by early release. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    begin();
    uint32_t id = 0;
    for (size_t i = 0; i < o.len; i++) {
        id = world_piece(&w, &o, i, i + 1);
        if (i + 1 < o.len)
            assert_int_not_equal(world_said(&w, id), FLOW_NAME);
    }
    assert_said(id, FLOW_NAME);
    assert_string_equal(world_last(&w)->name, REGISTRY_NAME);
    for (uint32_t i = 1; i < id; i++)
        assert_true(world_said(&w, i) == FLOW_EARLY || world_said(&w, i) == FLOW_NAME);
    /* The first is lost: more than can be held comes behind it, and is repeated. */
    begin();
    bool agreed = false;
    for (unsigned round = 0; !agreed && round < 4; round++)
        for (size_t i = round == 0; !agreed && i < o.len; i++) {
            id = world_piece(&w, &o, i, i + 1);
            agreed = world_said(&w, id) == FLOW_NAME;
        }
    assert_true(agreed);
    assert_string_equal(world_last(&w)->name, REGISTRY_NAME);
}

/* Nagle: the client sends its first words and waits for their acknowledgement. */
static void test_early_release(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    for (size_t cut = 1; cut < o.len; cut++) {
        begin();
        uint32_t first = world_piece(&w, &o, 0, cut);
        world_wait(&w, FLOWS_EARLY_MS - 1);
        assert_said(first, -1);
        world_wait(&w, 1);
        assert_said(first, FLOW_EARLY);
        assert_said(world_piece(&w, &o, 0, cut), FLOW_EARLY); /* lost behind the box, so repeated */
        uint32_t last = world_piece(&w, &o, cut, o.len);
        assert_said(last, FLOW_NAME);
        assert_int_equal(world_last(&w)->seq, ISS + 1 + cut);
    }
}

static void test_repetitions(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13, .pad = 200});
    begin();
    uint32_t first = world_piece(&w, &o, 0, 100);
    assert_said(world_piece(&w, &o, 0, 100), FLOW_DROP); /* the first is held */
    assert_said(world_piece(&w, &o, 50, 80), FLOW_DROP);
    uint32_t wide = world_piece(&w, &o, 50, 150); /* the same octets and more */
    assert_said(first, -1);
    uint32_t last = world_piece(&w, &o, 150, o.len);
    assert_said(first, FLOW_NAME);
    assert_said(wide, FLOW_NAME);
    assert_said(last, FLOW_NAME);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_EARLY); /* lost behind the box */
    assert_said(world_piece(&w, &o, 20, 30), FLOW_EARLY);
    world_wait(&w, FLOWS_AGREED_MS);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_DROP); /* nobody remembers what it said */
}

static void test_early_data(void **state)
{
    (void)state;
    static const char ccs[] = "\x14\3\3\0\1\1";
    uint8_t data[400];
    memset(data, 7, sizeof data);
    with((struct shape){.name = REGISTRY_NAME, TLS13, .early_data = true});
    size_t end = o.len;
    put(&o, ccs, 6);
    put_record(&o, 23, data, sizeof data);
    assert_whole_is(FLOW_NAME);
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    assert_said(world_piece(&w, &o, end, end + 10), FLOW_EARLY);
    assert_said(world_piece(&w, &o, end + 10, o.len), FLOW_EARLY);
    /* a gap: what is behind it waits */
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    uint32_t behind = world_piece(&w, &o, end + 6, o.len);
    assert_said(behind, -1);
    assert_said(world_piece(&w, &o, end, end + 6), FLOW_EARLY);
    assert_said(behind, FLOW_EARLY);
    with((struct shape){.name = REGISTRY_NAME, TLS13}); /* not announced */
    end = o.len;
    put_record(&o, 23, data, sizeof data);
    assert_whole_is(FLOW_SECOND);
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    assert_said(world_piece(&w, &o, end, o.len), FLOW_SECOND);
}

/* HelloRetryRequest: the kernel leaves the flow with us, and the second ClientHello must be about the same name. */
static void test_second_hello(void **state)
{
    (void)state;
    static const char ccs[] = "\x14\3\3\0\1\1";
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    size_t end = o.len;
    put(&o, ccs, 6);
    put_hello(&o, REGISTRY_NAME);
    size_t second = o.len;
    assert_whole_is(FLOW_SECOND); /* before a flow is allowed there can be only one */
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    struct segment s = {.seq = ISS + 1 + (uint32_t)end, .ack = IRS + 100, .data = o.data + end, .len = 60};
    uint32_t part = world_segment(&w, &s);
    assert_said(part, -1);
    s = (struct segment){.seq = ISS + 1 + (uint32_t)end + 60,
                         .ack = IRS + 100,
                         .data = o.data + end + 60,
                         .len = second - end - 60};
    assert_said(world_segment(&w, &s), FLOW_NAME);
    assert_said(part, FLOW_NAME);
    put_hello(&o, REGISTRY_NAME); /* a third there is not */
    assert_said(world_piece(&w, &o, second, o.len), FLOW_SECOND);
    o.len = end; /* another name, even a listed one */
    put_hello(&o, "x.wild.example");
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    assert_said(world_piece(&w, &o, end, o.len), FLOW_SECOND);
    /* and its name is looked at before its beginning is let go */
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    uint32_t id = world_piece(&w, &o, end, o.len - 1);
    world_wait(&w, FLOWS_EARLY_MS);
    assert_said(id, FLOW_SECOND);
    o.len = end; /* nor may it bring what the first had not: the true name, encrypted */
    put_hello_in(&o, &(struct shape){.name = REGISTRY_NAME, TLS13, .ech = true}, 0);
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    assert_said(world_piece(&w, &o, end, o.len), FLOW_ECH);
    with((struct shape){.name = NOISE_NAME, TLS13, .ech = true});
    end = o.len;
    put_hello_in(&o, &(struct shape){.name = NOISE_NAME, TLS13, .ech = true}, 0);
    begin();
    assert_said(world_piece(&w, &o, 0, end), FLOW_NAME);
    assert_said(world_piece(&w, &o, end, o.len), FLOW_NAME);
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct shape shape;
        enum msg_flow_what what;
    } rows[] = {
        {{.name = "decoy.example.net", TLS13}, FLOW_NOT_LISTED},
        {{.name = OTHER_NAME, TLS13}, FLOW_NOT_LISTED}, /* of another service */
        {{.name = "wild.example", TLS13}, FLOW_NOT_LISTED},
        {{.name = "xwild.example", TLS13}, FLOW_NOT_LISTED},
        {{.name = "10.99.0.5", TLS13}, FLOW_NOT_LISTED},
        {{.name = "registry", TLS13}, FLOW_NOT_LISTED},
        {{.name = "registry.lab.example.net", TLS13}, FLOW_NOT_LISTED},
        {{.name = REGISTRY_NAME, TLS13, .ech = true}, FLOW_ECH},
        {{.name = "decoy.example.net", TLS13, .ech = true}, FLOW_ECH},
        {{.name = NOISE_NAME, TLS13, .ech = true}, FLOW_NAME},
        {{.name = "registry.lab.example.", TLS13}, FLOW_BROKEN},
        {{.name = REGISTRY_NAME, .versions = {0x0302}}, FLOW_OLD_TLS},
        {{TLS13}, FLOW_NO_NAME},
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        with(rows[i].shape);
        assert_whole_is(rows[i].what);
        if (rows[i].what == FLOW_NOT_LISTED || rows[i].what == FLOW_ECH)
            assert_string_equal(world_last(&w)->name, rows[i].shape.name);
        if (rows[i].what != FLOW_NAME) { /* said once; nothing that comes later gets out */
            assert_int_equal(w.f.stats.refused, 1);
            assert_said(world_piece(&w, &o, 0, o.len), FLOW_MORE);
        }
    }
    o.len = 0;
    put(&o, "GET / HTTP/1.1\r\n", 16);
    assert_whole_is(FLOW_NOT_TLS);
    o.len = 0;
    put(&o, "\x16\3\1\2\0\1\0\x40\1", 9);
    assert_whole_is(FLOW_TOO_LONG);
    /* refused from the octet on that says so, with all that is held */
    with((struct shape){.name = "decoy.example.net", TLS13});
    begin();
    uint32_t a = world_piece(&w, &o, 0, 100), b = world_piece(&w, &o, 100, o.len);
    assert_said(a, FLOW_NOT_LISTED);
    assert_said(b, FLOW_NOT_LISTED);
    assert_last(FLOW_NOT_LISTED, 2, "decoy.example.net");
    assert_int_equal(world_last(&w)->seq, ISS + 1);
    assert_int_equal(world_last(&w)->ack, IRS + 1);
}

/* Nothing leaves early of a ClientHello whose name, as far as it is known, is not listed. */
static void test_early_name(void **state)
{
    (void)state;
    for (unsigned wild = 0; wild < 2; wild++)
        for (size_t cut = 1;; cut++) {
            with((struct shape){.name = "decoy.example.net", TLS13, .pad = 10});
            if (cut >= o.len)
                break;
            begin();
            if (!wild) { /* without a wildcard the first letters say it */
                allowlist_clear(&w.f.listed);
                world_name(&w, 1, REGISTRY_NAME, false);
                w.f.listed.complete = true;
            }
            struct clienthello h;
            clienthello_read(o.data, cut, &h);
            uint32_t id = world_piece(&w, &o, 0, cut);
            world_wait(&w, FLOWS_EARLY_MS);
            bool hidden = wild ? h.has_name != CLIENTHELLO_NAME_WHOLE : h.name[0] == '\0';
            assert_said(id, hidden ? FLOW_EARLY : FLOW_NOT_LISTED);
        }
    with((struct shape){.name = REGISTRY_NAME, TLS13, .ech = true});
    begin();
    uint32_t id = world_piece(&w, &o, 0, o.len - 1);
    world_wait(&w, FLOWS_EARLY_MS);
    assert_said(id, FLOW_ECH);
}

/*
 * A client that puts thousands of octets before the name, and waits, gets no more than a bounded part of them
 * through.
 */
static void test_much_before_the_name(void **state)
{
    (void)state;
    with((struct shape){.name = "decoy.example.net", TLS13, .pad = 12000});
    begin();
    size_t let_go = 0;
    for (size_t at = 0; at < 12000; at += 1000) {
        uint32_t id = world_piece(&w, &o, at, at + 1000);
        world_wait(&w, FLOWS_EARLY_MS);
        if (world_said(&w, id) == FLOW_EARLY)
            let_go += 1000;
        else
            assert_said(id, let_go == at ? FLOW_TOO_LONG : FLOW_MORE);
    }
    assert_true(let_go > 0 && let_go <= FLOWS_NAMELESS_MAX);
    /* Whole at once, or by a client that does not wait, it is checked by its name alone. */
    with((struct shape){.name = REGISTRY_NAME, TLS13, .pad = 12000});
    assert_whole_is(FLOW_NAME);
}

static void test_overlaps_that_differ(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    more.len = 0;
    put_hello(&more, "registry.lab.exampla");
    assert_int_equal(o.len, more.len);
    begin();
    uint32_t a = world_piece(&w, &o, 0, o.len - 5), b = world_piece(&w, &more, 10, more.len);
    assert_said(a, FLOW_BROKEN);
    assert_said(b, FLOW_BROKEN);
    begin(); /* behind a gap */
    a = world_piece(&w, &o, 20, o.len);
    b = world_piece(&w, &more, 20, more.len);
    assert_said(a, FLOW_BROKEN);
    assert_said(b, FLOW_BROKEN);
    begin(); /* after the verdict, as long as the server has not answered */
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NAME);
    assert_said(world_piece(&w, &more, 0, more.len), FLOW_BROKEN);
    begin(); /* after a part was let go */
    assert_said(world_piece(&w, &o, 0, 50), -1);
    world_wait(&w, FLOWS_EARLY_MS);
    assert_said(world_piece(&w, &o, 0, 49), FLOW_EARLY);
    more.data[20] ^= 1;
    assert_said(world_piece(&w, &more, 10, 60), FLOW_BROKEN);
}

/* A good ClientHello that is not where the server begins to read is no ClientHello. */
static void test_beginning(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    begin();
    struct segment s = {.seq = ISS + 1 + 400, .ack = IRS + 1, .data = o.data, .len = o.len};
    uint32_t ahead = world_segment(&w, &s);
    assert_said(ahead, -1);
    struct shape bad = {.name = "decoy.example.net", TLS13};
    more.len = 0;
    put_hello_in(&more, &bad, 0);
    bad.pad = 400 - more.len - 4;
    more.len = 0;
    put_hello_in(&more, &bad, 0);
    assert_int_equal(more.len, 400);
    assert_said(world_piece(&w, &more, 0, 200), -1);
    assert_said(world_piece(&w, &more, 200, 400), FLOW_NOT_LISTED);
    assert_said(ahead, FLOW_NOT_LISTED);
    begin();
    s.seq = ISS - 10;
    assert_said(world_segment(&w, &s), FLOW_BROKEN);
    begin();
    s.seq = ISS;
    s.len = 1; /* a keep-alive */
    assert_said(world_segment(&w, &s), FLOW_DROP);
    world_start(&w);
    s.seq = ISS + 1;
    s.len = o.len;
    assert_said(world_segment(&w, &s), FLOW_NO_START);
}

/* What the server would throw away must not be believed here either. */
static void test_insertion(void **state)
{
    (void)state;
    static const uint8_t md5[20] = {19, 18}, stamp5[12] = {1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 9},
                         stamp4[12] = {1, 1, 8, 10, 0, 0, 0, 4, 0, 0, 0, 9},
                         echo5[12] = {1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 5};
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    const struct segment good = {.seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = o.len};
    struct segment s;
    const struct {
        uint32_t ack;
        unsigned flags, hops;
        const uint8_t *options;
        size_t options_len;
        int what;
    } rows[] = {
        {IRS + 1, 0, 0, NULL, 0, FLOW_NAME},
        {IRS + 2, 0, 0, NULL, 0, FLOW_BROKEN},
        {IRS, 0, 0, NULL, 0, FLOW_BROKEN},
        {IRS + 1, PACKET_ACK | PACKET_URG, 0, NULL, 0, FLOW_BROKEN},
        {IRS + 1, PACKET_FIN, 0, NULL, 0, FLOW_BROKEN},
        {IRS + 1, PACKET_ACK | PACKET_RST, 0, NULL, 0, FLOW_BROKEN},
        {IRS + 1, PACKET_ACK | PACKET_SYN, 0, NULL, 0, FLOW_BROKEN},
        {IRS + 1, 0, 5, NULL, 0, FLOW_BROKEN},
        {IRS + 1, 0, 0, md5, sizeof md5, FLOW_BROKEN},
        {IRS + 1, 0, 0, stamp5, sizeof stamp5, FLOW_NAME}, /* not agreed on: nobody reads it */
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        begin();
        s = good;
        s.ack = rows[i].ack;
        s.flags = rows[i].flags;
        s.hops = rows[i].hops;
        s.options = rows[i].options;
        s.options_len = rows[i].options_len;
        assert_said(world_segment(&w, &s), rows[i].what);
    }
    /* timestamps, agreed on with 5 */
    s = good;
    world_start(&w);
    world_synack_to(&w, CLIENT, SERVER, 40000, ISS, echo5, sizeof echo5);
    s.options = stamp4;
    s.options_len = sizeof stamp4;
    assert_said(world_segment(&w, &s), FLOW_DROP); /* PAWS (RFC 7323 section 5) */
    s.options_len = 0;
    uint32_t id = world_segment(&w, &s);
    assert_said(id, FLOW_BROKEN);
    world_start(&w);
    world_synack_to(&w, CLIENT, SERVER, 40000, ISS, echo5, sizeof echo5);
    s.options = stamp5;
    s.options_len = sizeof stamp5;
    assert_said(world_segment(&w, &s), FLOW_NAME);
}

/* A wrong checksum; a fragment. */
static void test_insertion_below_tcp(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    const struct segment good = {.seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = o.len};
    begin();
    more.len = 0;
    put_packet(&more, &good);
    more.data[more.len - 1] ^= 1;
    assert_said(world_raw(&w, more.data, more.len), FLOW_BROKEN);
    begin();
    more.data[more.len - 1] ^= 1;
    more.data[6] = 0x20;
    assert_said(world_raw(&w, more.data, more.len), FLOW_BROKEN);
}

static void test_not_for_us(void **state)
{
    (void)state;
    with((struct shape){.name = REGISTRY_NAME, TLS13});
    begin();
    struct segment s = {.seq = ISS + 1, .ack = IRS + 1};
    assert_said(world_segment(&w, &s), FLOW_EARLY); /* no payload */
    assert_said(world_raw(&w, (const uint8_t *)"", 0), FLOW_DROP);
    assert_said(world_raw(&w, (const uint8_t *)"rubbish of any kind", 19), FLOW_DROP);
    more.len = 0;
    put_packet(&more, &(struct segment){.seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = o.len});
    for (size_t len = 0; len < more.len; len++) { /* cut off anywhere */
        begin();
        int said = world_said(&w, world_raw(&w, more.data, len));
        assert_true(said == FLOW_DROP || said == FLOW_BROKEN);
    }
    world_mode(&w, MODE_CLOSED, 0);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_DROP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_segment),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_two_segments_at_every_octet),
        cmocka_unit_test(test_three_segments_in_every_order),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_early_release),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_early_data),
        cmocka_unit_test(test_second_hello),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_early_name),
        cmocka_unit_test(test_much_before_the_name),
        cmocka_unit_test(test_overlaps_that_differ),
        cmocka_unit_test(test_beginning),
        cmocka_unit_test(test_insertion),
        cmocka_unit_test(test_insertion_below_tcp),
        cmocka_unit_test(test_not_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
