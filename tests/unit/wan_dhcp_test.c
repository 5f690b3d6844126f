/* The line's DHCP, frame by frame: what the box says, and what it makes of answers, good and bad. */
#include "test.h"

#include "dhcp.h"

#include <arpa/inet.h>

#define XID 0x5e5e0001

static const uint8_t mac[6] = {2, 0, 0x5e, 0x10, 0, 1};

struct frame {
    uint8_t data[DHCP_FRAME_MAX];
    size_t len, at;
};

static uint32_t ip(const char *text)
{
    return inet_addr(text);
}

/* Our own words, turned into an answer: the frame is that of a server then. */
static void begin(struct frame *f, uint8_t type)
{
    struct dhcp_say say = {.type = DHCP_DISCOVER, .xid = XID};
    uint32_t address = ip("198.51.100.77");
    memset(f, 0, sizeof *f);
    memcpy(say.mac, mac, 6);
    f->len = dhcp_write(&say, f->data);
    uint8_t *udp = f->data + 34, *bootp = udp + 8;
    udp[1] = 67;
    udp[3] = 68;
    bootp[0] = 2;
    memcpy(bootp + 16, &address, 4);
    memset(bootp + 240, 0, f->len - 282);
    f->at = 282;
    f->data[f->at++] = 53;
    f->data[f->at++] = 1;
    f->data[f->at++] = type;
}

static void option(struct frame *f, uint8_t code, const void *data, uint8_t len)
{
    f->data[f->at++] = code;
    f->data[f->at++] = len;
    memcpy(f->data + f->at, data, len);
    f->at += len;
}

static void addr_option(struct frame *f, uint8_t code, const char *text)
{
    uint32_t a = ip(text);
    option(f, code, &a, 4);
}

static void server(struct frame *f)
{
    addr_option(f, 54, "198.51.100.1");
    addr_option(f, 1, "255.255.255.0");
}

static bool read_frame(struct frame *f, struct dhcp_reply *r)
{
    f->data[f->at] = 255;
    return dhcp_read(f->data, f->len, mac, XID, r);
}

static void ordinary(void **state)
{
    struct frame f;
    struct dhcp_reply r;
    const uint32_t dns[] = {ip("198.51.100.1"), ip("192.0.2.53")}, lease = htonl(7200);
    (void)state;
    begin(&f, 5);
    server(&f);
    addr_option(&f, 3, "198.51.100.1");
    option(&f, 6, dns, sizeof dns);
    addr_option(&f, 42, "198.51.100.1");
    option(&f, 51, &lease, 4);
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.type, DHCP_ACK);
    assert_int_equal(r.address, ip("198.51.100.77"));
    assert_int_equal(r.prefix_len, 24);
    assert_int_equal(r.gateway, ip("198.51.100.1"));
    assert_int_equal(r.dns_count, 2);
    assert_int_equal(r.dns[1], ip("192.0.2.53"));
    assert_int_equal(r.ntp_count, 1);
    assert_int_equal(r.lease_s, 7200);
    assert_int_equal(r.renew_s, 3600);
    assert_int_equal(r.rebind_s, 6300);
    assert_false(dhcp_read(f.data, f.len, mac, XID + 1, &r)); /* another's */
    assert_false(dhcp_read(f.data, f.len, (const uint8_t[]){2, 0, 0, 0, 0, 9}, XID, &r));
    for (size_t len = 0; len < 334; len++) /* cut anywhere: nothing, and nothing is read behind its end */
        assert_false(dhcp_read(f.data, len, mac, XID, &r));
}

/* RFC 3442: with option 121 the router option does not count. */
static void routes(void **state)
{
    static const struct {
        uint8_t len, data[24];
        const char *gateway; /* NULL: none */
    } cases[] = {
        {5, {0, 198, 51, 100, 9}, "198.51.100.9"},
        {13, {24, 10, 1, 2, 198, 51, 100, 8, 0, 198, 51, 100, 9}, "198.51.100.9"},
        {8, {24, 10, 1, 2, 198, 51, 100, 8}, NULL},
        {5, {33, 198, 51, 100, 9}, NULL},
        {4, {0, 198, 51, 100}, NULL},
        {5, {0, 0, 0, 0, 0}, NULL},
    };
    struct frame f;
    struct dhcp_reply r;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&f, 2);
        server(&f);
        addr_option(&f, 3, "198.51.100.1");
        option(&f, 121, cases[i].data, cases[i].len);
        assert_true(read_frame(&f, &r));
        assert_int_equal(r.gateway, cases[i].gateway ? ip(cases[i].gateway) : 0);
    }
    begin(&f, 2); /* in two parts (RFC 3396) */
    server(&f);
    option(&f, 121, cases[0].data, 2);
    option(&f, 121, cases[0].data + 2, 3);
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.gateway, ip("198.51.100.9"));
}

/* T1 and T2 of a server that makes no sense of them: never at once, and in order. */
static void renewal_times(void **state)
{
    static const uint32_t said[][3] = {{3600, 0, 1},       {3600, 1, 2},       {60, 0, 1},
                                       {60, 59, 58},       {3600, 3600, 3600}, {3600, 1800, 0},
                                       {3600, 3000, 2000}, {1, 1, UINT32_MAX}, {0, 0, 0}};
    struct frame f;
    struct dhcp_reply r;
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        const uint32_t lease = htonl(said[i][0]), renew = htonl(said[i][1]), rebind = htonl(said[i][2]);
        begin(&f, 2);
        addr_option(&f, 54, "198.51.100.1");
        option(&f, 51, &lease, 4);
        option(&f, 58, &renew, 4);
        option(&f, 59, &rebind, 4);
        assert_true(read_frame(&f, &r));
        assert_true(r.renew_s >= 15 && r.renew_s < r.rebind_s && r.rebind_s < r.lease_s);
    }
}

static void odd(void **state)
{
    struct frame f;
    struct dhcp_reply r;
    const uint32_t never = UINT32_MAX, short_lease = htonl(1);
    (void)state;
    begin(&f, 2); /* 32 bits */
    addr_option(&f, 54, "198.51.100.1");
    addr_option(&f, 1, "255.255.255.255");
    option(&f, 51, &never, 4);
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.prefix_len, 32);
    assert_int_equal(r.lease_s, 30 * 86400);
    begin(&f, 2); /* no mask, or one with holes: by the class */
    addr_option(&f, 54, "198.51.100.1");
    addr_option(&f, 1, "255.0.255.0");
    option(&f, 51, &short_lease, 4);
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.prefix_len, 24);
    assert_int_equal(r.lease_s, 60);
    assert_true(r.renew_s > 0 && r.renew_s < r.rebind_s && r.rebind_s < r.lease_s);
    begin(&f, 2); /* who gives it? */
    assert_false(read_frame(&f, &r));
    begin(&f, 6);
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.type, DHCP_NAK);
    begin(&f, 1); /* not a server's word */
    assert_false(read_frame(&f, &r));
    static const char *const never_ours[] = {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255"};
    for (size_t i = 0; i < sizeof never_ours / sizeof never_ours[0]; i++) {
        uint32_t address = ip(never_ours[i]);
        begin(&f, 5);
        server(&f);
        memcpy(f.data + 58, &address, 4);
        assert_false(read_frame(&f, &r));
    }
    begin(&f, 5); /* options go on in the field of the file's name */
    server(&f);
    option(&f, 52, (const uint8_t[]){1}, 1);
    f.data[42 + 108] = 3;
    f.data[42 + 109] = 4;
    uint32_t router = ip("198.51.100.3");
    memcpy(f.data + 42 + 110, &router, 4);
    f.data[42 + 114] = 255;
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.gateway, router);
    begin(&f, 5); /* an option that says it is longer than the packet */
    server(&f);
    f.data[f.at++] = 3;
    f.data[f.at++] = 255;
    assert_true(read_frame(&f, &r));
    assert_int_equal(r.gateway, 0);
}

static void own_words(void **state)
{
    uint8_t out[DHCP_FRAME_MAX];
    struct dhcp_say say = {.type = DHCP_REQUEST, .xid = XID, .own = ip("198.51.100.77"), .to = ip("198.51.100.1")};
    uint32_t sum = 0;
    (void)state;
    memcpy(say.mac, mac, 6);
    size_t len = dhcp_write(&say, out);
    assert_int_equal(len, 342);
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)(out[i] << 8 | out[i + 1]);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff); /* the head's checksum */
    assert_memory_equal(out + 26, &say.own, 4);
    assert_memory_equal(out + 30, &say.to, 4);
    assert_memory_equal(out + 42 + 12, &say.own, 4);
    assert_int_equal(out[42 + 242], DHCP_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary), cmocka_unit_test(routes),    cmocka_unit_test(renewal_times),
        cmocka_unit_test(odd),      cmocka_unit_test(own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
