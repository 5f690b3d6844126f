/*
 * Validating servers in front of the box: zone queries in each mode; signed answers; how long they wait.
 */
#include "dns_cases.h"

#define SIGNATURE "\0\1\10\2\0\0\0\74\160\0\0\0\140\0\0\0\60\71\0abcd" /* covers A; by the root; not a good one */
#define BYTES(text) text, sizeof(text) - 1

enum { TYPE_RRSIG = 46, TYPE_TXT = 16 };

static const uint16_t zone_types[] = {DNS_NS, DNS_DS, DNS_DNSKEY};

/* A server's question: with DO; bits: those of the header, 0x10 is CD. */
static unsigned server_asks(const char *name, uint16_t type, unsigned bits)
{
    struct wire m;
    struct client c = client_of("192.168.77.53", 5353);
    wire_begin(&m, w.id++, 0x0100 | bits, strcmp(name, ".") == 0 ? "x" : name, type);
    if (strcmp(name, ".") == 0) {
        m.len = DNS_HEADER_LEN + 1;
        m.data[DNS_HEADER_LEN] = 0;
        wire16(&m, type);
        wire16(&m, 1);
    }
    wire_edns(&m, DNS_MSG_MAX);
    m.data[m.len - 4] = 0x80;
    return ask_raw(&w, &c, m.data, m.len);
}

static void asked_with(uint16_t type, unsigned cd)
{
    const uint8_t *data = w.ask[(w.asked - 1) % WORLD_LOG].data;
    size_t len = w.ask[(w.asked - 1) % WORLD_LOG].len;
    struct dns_question q;
    enum dns_rcode rcode;
    assert_int_equal(dns_question_parse(data, len, &q, &rcode), DNS_CHECK_OK);
    assert_int_equal(q.type, type);
    assert_int_equal(q.cd, cd);
    assert_true(q.dnssec_ok);
}

static void test_zones_above_are_asked_through_the_tunnel(void **state)
{
    (void)state;
    static const char *const zones[] = {"lab.example", "example", REGISTRY_NAME};
    for (unsigned z = 0; z < sizeof(zones) / sizeof(zones[0]); z++)
        for (unsigned t = 0; t < 3; t++) {
            unsigned asked = w.asked;
            assert_int_equal(server_asks(zones[z], zone_types[t], t == 1 ? 0x10 : 0), 0);
            assert_int_equal(w.asked, asked + 1);
            assert_int_equal(w.ask[asked].service, 1);
            asked_with(zone_types[t], t == 1);
        }
    unsigned asked = w.asked;
    assert_int_equal(server_asks(".", DNS_DNSKEY, 0), 0);
    assert_int_equal(w.asked, asked + 1);
    assert_int_equal(told(&w, MSG_REFUSED), 0);
}

/* A fixed set: nothing that a PC can choose leaves the box. */
static void test_other_zones_are_not(void **state)
{
    (void)state;
    static const char words[] = "words." REGISTRY_NAME;
    static const char *const names[] = {"net",   "example.net", "words.example", "words.lab.example",
                                        "ample", words,         "b.example",     "xlab.example"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (unsigned t = 0; t < 3; t++) {
            assert_int_equal(server_asks(names[i], zone_types[t], 0), 1);
            struct seen s = last(&w);
            assert_error(&s, DNS_REFUSED, DNS_EDE_BLOCKED);
        }
    assert_int_equal(server_asks("lab.example", DNS_A, 0), 1); /* nor other types of those zones */
    assert_int_equal(server_asks("lab.example", TYPE_TXT, 0), 1);
    assert_int_equal(last(&w).rcode, DNS_REFUSED);
    assert_int_equal(w.asked, 0);
}

static void test_zone_answer_is_passed_on_without_more(void **state)
{
    (void)state;
    struct wire m;
    server_asks("lab.example", DNS_NS, 0x10);
    answer_begin(&w, 0, &m, 0x81a0); /* AD: what the tunnel's resolver has proven is no proof to others */
    wire_record(&m, 6, "lab.example", DNS_NS, 86400, BYTES("\2ns\3lab\7example\0"));
    wire_record(&m, 6, "lab.example", TYPE_RRSIG, 86400, BYTES(SIGNATURE));
    wire_record(&m, 10, "ns.lab.example", DNS_A, 60, BYTES("\12\143\0\65"));
    deliver(&w, 0, &m);
    assert_int_equal(w.replied, 1);
    const uint8_t *out = w.reply[0].data;
    size_t len = w.reply[0].len;
    assert_int_equal(out[7], 2);
    assert_int_equal(out[11], 1); /* OPT alone: no address goes along */
    assert_int_equal(out[3], 0x90); /* RA and CD */
    assert_int_equal(out[len - 4], 0x80);
    assert_int_equal(last(&w).count, 0);
    assert_int_equal(told(&w, MSG_ADMIT), 0);
}

static void test_zone_answer_with_an_address_is_refused(void **state)
{
    (void)state;
    struct wire m;
    server_asks("lab.example", DNS_NS, 0);
    answer_begin(&w, 0, &m, 0x8180);
    wire_addr(&m, "lab.example", 60, "10.99.0.5");
    deliver(&w, 0, &m);
    assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
    assert_int_equal(last(&w).count, 0);
}

static void test_closed_raises_the_tunnel(void **state)
{
    (void)state;
    assert_int_equal(server_asks(".", DNS_DNSKEY, 0), 0);
    assert_int_equal(told(&w, MSG_WANT), 1);
    assert_int_equal(w.asked, 0);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    assert_int_equal(w.asked, 1);
    assert_int_equal(w.ask[0].service, 1);
}

static void test_internet_asks_the_line_and_raises_nothing(void **state)
{
    (void)state;
    static const char *const zones[] = {".", "example", "lab.example"};
    for (unsigned z = 0; z < 3; z++)
        for (unsigned t = 0; t < 3; t++)
            assert_int_equal(server_asks(zones[z], zone_types[t], 0), 0);
    assert_int_equal(w.asked, 9);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(w.ask[i].service, 0);
    assert_int_equal(told(&w, MSG_WANT), 0);
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_DS, 0), 0); /* the name itself is never asked for there */
    assert_int_equal(w.asked, 9);
    assert_int_equal(told(&w, MSG_WANT), 1);
}

/*
 * BIND, when a name is refused, goes on to ask the root's servers for NS by itself; that comes to the box all the
 * same.
 */
static void test_a_question_for_the_roots_servers_raises_nothing(void **state)
{
    (void)state;
    struct wire m;
    struct client c = client_of("192.168.77.53", 5353);
    wire_begin(&m, 7, 0x0000, "lab.example", DNS_NS);
    assert_int_equal(ask_raw(&w, &c, m.data, m.len), 1);
    assert_int_equal(last(&w).rcode, DNS_REFUSED);
    assert_int_equal(told(&w, MSG_WANT), 0);
}

static void test_bound_host_raises_no_tunnel_by_a_zone(void **state)
{
    (void)state;
    struct msg_host m = {.addr = addr_of("192.168.77.53"), .services = 2};
    assert_true(hosts_add(&w.q.hosts, &m));
    assert_int_equal(server_asks("lab.example", DNS_DS, 0), 1);
    assert_refused(WHY_HOST, "lab.example", NULL);
    assert_int_equal(told(&w, MSG_WANT), 0);
    assert_int_equal(server_asks("example.org", DNS_DS, 0), 0); /* its own service's */
    assert_int_equal(told(&w, MSG_WANT), 1);
}

/* ---- signed answers ---- */

static void signed_answer(const char *more)
{
    struct wire m;
    answer_begin(&w, 0, &m, 0x8180);
    wire_addr(&m, REGISTRY_NAME, 3600, "10.99.0.5");
    wire_record(&m, 6, REGISTRY_NAME, TYPE_RRSIG, 3600, BYTES(SIGNATURE));
    if (more != NULL)
        wire_addr(&m, REGISTRY_NAME, 3600, more);
    deliver(&w, 0, &m);
}

static unsigned records(void)
{
    return w.reply[(w.replied - 1) % WORLD_LOG].data[7];
}

static void test_signatures_for_who_wants_them(void **state)
{
    (void)state;
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_A, 0), 0);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0); /* a PC, without */
    assert_int_equal(w.asked, 1);
    signed_answer(NULL);
    assert_int_equal(w.replied, 0); /* the rule first */
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 2);
    unsigned server = addr_equal(&w.reply[0].to.addr, &(struct addr){AF_INET, {192, 168, 77, 53}}) ? 0 : 1;
    assert_int_equal(w.reply[server].data[7], 2);
    assert_int_equal(w.reply[1 - server].data[7], 1);
    struct seen s;
    assert_true(see(w.reply[server].data, w.reply[server].len, &s));
    assert_addr(&s, "10.99.0.5");
    assert_int_equal(s.ttl, TTL_MAX_S); /* as long as the rule stands, no longer */
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1); /* the PC from the cache … */
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_A, 0), 0); /* … the server anew: signatures are not kept */
    signed_answer(NULL);
    admit(&w, ADMIT_OK);
    assert_int_equal(records(), 2);
}

static void test_signed_address_that_is_refused(void **state)
{
    (void)state;
    server_asks(REGISTRY_NAME, DNS_A, 0);
    signed_answer(NULL);
    admit(&w, ADMIT_OUTSIDE);
    assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
    assert_int_equal(last(&w).count, 0);
    server_asks(REGISTRY_NAME, DNS_A, 0);
    signed_answer("fd00::5"); /* an address of another kind, which nobody has opened, does not go along */
    admit(&w, ADMIT_OK);
    assert_int_equal(records(), 1);
}

static void test_signed_proof_that_there_is_no_ipv6(void **state)
{
    (void)state;
    struct wire m;
    w.q.ipv4_only = true;
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_AAAA, 0), 0);
    answer_begin(&w, 0, &m, 0x8180);
    wire_soa(&m, "lab.example", 900, 30);
    wire_record(&m, 8, "lab.example", TYPE_RRSIG, 900, BYTES(SIGNATURE));
    deliver(&w, 0, &m);
    assert_int_equal(w.reply[0].data[9], 2);
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_AAAA, 0), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "fd00:99::5"); /* there is one: of no use here, and never opened */
    assert_int_equal(last(&w).count, 0);
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    /* But it says that the name exists, so "no such name" of the other type is "no data". */
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8183);
    wire_soa(&m, "lab.example", 900, 30);
    deliver(&w, 0, &m);
    assert_int_equal(last(&w).rcode, DNS_NOERROR);
    assert_true(last(&w).soa);
}

static void test_unsigned_answer_is_kept_for_servers_too(void **state)
{
    (void)state;
    server_asks(REGISTRY_NAME, DNS_A, 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_A, 0), 1);
    assert_int_equal(w.asked, 1);
}

/* ---- waiting ---- */

static void test_server_is_told_to_come_by_tcp(void **state)
{
    (void)state;
    struct client tcp = client_of("192.168.77.53", 5354);
    tcp.tcp = true;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0); /* a PC waits beside it */
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_A, 0), 0);
    world_wait(&w, FRONTEND_TURN_MS - 1);
    assert_int_equal(w.replied, 0);
    world_wait(&w, 1);
    assert_int_equal(w.replied, 1);
    assert_true(last(&w).tc);
    assert_int_equal(last(&w).rcode, DNS_NOERROR);
    assert_int_equal(last(&w).count, 0);
    assert_int_equal(ask_from(&w, &tcp, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, 3000);
    assert_int_equal(w.replied, 1); /* there it waits, and so does the PC */
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 3);
    assert_int_equal(last(&w).count, 1);
}

static void test_lookup_goes_on_without_the_server(void **state)
{
    (void)state;
    server_asks(REGISTRY_NAME, DNS_A, 0);
    world_wait(&w, FRONTEND_TURN_MS);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    assert_int_equal(w.asked, 1);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(server_asks(REGISTRY_NAME, DNS_A, 0), 1);
    assert_int_equal(last(&w).count, 1);
}

/* ---- names for SVCB records (Chromium asks for `_8443._https.NAME`) ---- */

static void test_service_names_belong_to_their_name(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 3; mode++) {
        world_mode(&w, (enum msg_mode_kind)mode, mode == MODE_SESSION, 0, mode == MODE_SESSION ? 7 : 0);
        assert_int_equal(ask(&w, "_8443._https." REGISTRY_NAME, DNS_HTTPS), 1);
        struct seen s = last(&w);
        assert_int_equal(s.rcode, DNS_NOERROR);
        assert_int_equal(s.count, 0);
        assert_true(s.soa);
    }
    assert_int_equal(told(&w, MSG_REFUSED), 0);
    assert_int_equal(told(&w, MSG_WANT), 0);
    assert_int_equal(w.asked, 0);
    assert_int_equal(ask(&w, "_8443._https." UNLISTED_NAME, DNS_HTTPS), 1);
    assert_int_equal(last(&w).rcode, DNS_REFUSED);
    assert_int_equal(ask(&w, "_8443.words." REGISTRY_NAME, DNS_HTTPS), 1);
    assert_int_equal(last(&w).rcode, DNS_REFUSED);
}

#define IN(kind, test) cmocka_unit_test_setup(test, kind)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN(setup_session, test_zones_above_are_asked_through_the_tunnel),
        IN(setup_session, test_other_zones_are_not),
        IN(setup_session, test_zone_answer_is_passed_on_without_more),
        IN(setup_session, test_zone_answer_with_an_address_is_refused),
        IN(setup, test_closed_raises_the_tunnel),
        IN(setup, test_a_question_for_the_roots_servers_raises_nothing),
        IN(setup_internet, test_internet_asks_the_line_and_raises_nothing),
        IN(setup, test_bound_host_raises_no_tunnel_by_a_zone),
        IN(setup_session, test_signatures_for_who_wants_them),
        IN(setup_session, test_signed_address_that_is_refused),
        IN(setup_session, test_signed_proof_that_there_is_no_ipv6),
        IN(setup_session, test_unsigned_answer_is_kept_for_servers_too),
        IN(setup, test_server_is_told_to_come_by_tcp),
        IN(setup, test_lookup_goes_on_without_the_server),
        IN(setup, test_service_names_belong_to_their_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
