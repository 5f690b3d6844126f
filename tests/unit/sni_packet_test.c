/*
 * The heads of IP packets: what is read, what is refused, what is odd. Each packet ends where a page ends behind which
 * nothing may be read, and is tried at every shorter length too.
 */
#include "sni_fixture.h"
#include "test.h"

#include "packet.h"

#include <sys/mman.h>
#include <unistd.h>

static struct octets o;
static struct packet p;
static uint8_t *page; /* the next one cannot be read */
static size_t page_size;

static int make_page(void **state)
{
    (void)state;
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    page = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED || mprotect(page + page_size, page_size, PROT_NONE) != 0;
}

/* The first `len` octets, at the end of the page. */
static const uint8_t *at_the_edge(size_t len)
{
    MUST(len <= page_size && len <= sizeof o.data);
    if (len > 0)
        memcpy(page + page_size - len, o.data, len);
    return page + page_size - len;
}

static bool tcp(void)
{
    return packet_tcp(at_the_edge(o.len), o.len, false, &p);
}

static bool head(void)
{
    return packet_head(at_the_edge(o.len), o.len, &p);
}

static void packet(struct segment s)
{
    o.len = 0;
    put_packet(&o, &s);
}

/* An IPv6 packet whose first header is `first`; the others follow by hand. */
static void ipv6(unsigned first)
{
    o.len = 0;
    put_number(&o, 4, 0x60000000);
    put_number(&o, 4, first << 8 | 63);
    put_fill(&o, 16, 0xfd);
    put_fill(&o, 16, 0x20);
}

/* An extension header of `len` octets, before `next`. */
static void extension(unsigned next, size_t len)
{
    put_number(&o, 1, next);
    put_number(&o, 1, len / 8 - 1);
    put_fill(&o, len - 2, 0);
}

/* TCP without checksum and payload, and the right length of the packet. */
static void plain_tcp(void)
{
    put_number(&o, 4, 40000u << 16 | 443);
    put_number(&o, 8, 1);
    put_number(&o, 8, (uint64_t)0x5010fa00 << 32);
    o.data[4] = (uint8_t)((o.len - 40) >> 8);
    o.data[5] = (uint8_t)(o.len - 40);
}

/* Cut off anywhere: read as far as it goes, and never taken for whole. */
static void test_every_length(void **state)
{
    (void)state;
    static const uint8_t stamp[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    static const char *const clients[] = {CLIENT, "fd00::9"}, *const servers[] = {SERVER, "2001:db8::5"};
    for (unsigned v = 0; v < 2; v++) {
        size_t ip = v == 0 ? 20 : 40;
        packet((struct segment){.client = clients[v],
                                .server = servers[v],
                                .seq = 7,
                                .ack = 9,
                                .options = stamp,
                                .options_len = sizeof stamp,
                                .data = (const uint8_t *)"abc",
                                .len = 3});
        for (size_t len = 0; len <= o.len; len++) {
            const uint8_t *cut = at_the_edge(len);
            assert_int_equal(packet_head(cut, len, &p), len >= ip);
            assert_int_equal(p.client_port, len >= ip + 4 ? 40000 : 0);
            assert_int_equal(p.server_port, len >= ip + 4 ? 443 : 0);
            bool good = packet_tcp(cut, len, true, &p);
            assert_int_equal(good, len >= ip + 32);
            if (good && len < o.len)
                assert_string_equal(p.odd, "cut off");
        }
        assert_null(p.odd);
        assert_int_equal(p.len, 3);
        assert_memory_equal(p.data, "abc", 3);
        assert_true(p.stamped && p.stamp == 1 && p.stamp_echo == 2);
        struct addr client, server;
        MUST(conf_parse_addr(clients[v], &client) && conf_parse_addr(servers[v], &server));
        assert_memory_equal(&p.client, &client, sizeof client); /* nothing behind the four octets either */
        assert_memory_equal(&p.server, &server, sizeof server);
    }
}

static void test_not_ip(void **state)
{
    (void)state;
    packet((struct segment){0});
    for (unsigned version = 0; version < 16; version++) {
        o.data[0] = (uint8_t)(version << 4 | 5);
        assert_int_equal(head(), version == 4 || (version == 6 && o.len >= 40));
    }
}

static void test_ipv4_head(void **state)
{
    (void)state;
    for (unsigned words = 0; words < 5; words++) { /* shorter than an IPv4 head: no upper layer is there */
        packet((struct segment){0});
        o.data[0] = (uint8_t)(0x40 | words);
        assert_true(head());
        assert_int_equal(p.client_port, 0);
        assert_false(tcp());
    }
    packet((struct segment){0}); /* with IP options */
    memmove(o.data + 24, o.data + 20, 20);
    memset(o.data + 20, 1, 4);
    o.len += 4;
    o.data[0] = 0x46;
    o.data[3] = (uint8_t)o.len;
    assert_true(tcp());
    assert_string_equal(p.odd, "IP options");
    assert_int_equal(p.client_port, 40000);

    for (unsigned bit = 0; bit < 16; bit++) { /* each bit of flags and offset by itself */
        packet((struct segment){0});
        o.data[6] = (uint8_t)(1u << bit >> 8);
        o.data[7] = (uint8_t)(1u << bit);
        bool offset = bit < 13, fragment = bit < 14;
        assert_int_equal(tcp(), !offset);
        if (!offset)
            assert_int_equal(p.odd != NULL, fragment);
        assert_true(head());
        assert_int_equal(p.client_port, offset ? 0 : 40000);
    }
}

static void test_ipv6_extensions(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        bool known = first == 0 || first == 43 || first == 44 || first == 60;
        ipv6(first);
        extension(IPPROTO_TCP, 8);
        if (known)
            plain_tcp();
        assert_true(head());
        assert_int_equal(p.proto, known ? IPPROTO_TCP : first);
        assert_int_equal(tcp(), known);
        if (known) {
            assert_string_equal(p.odd, "IPv6 extension headers");
            assert_true(p.client_port == 40000 && p.server_port == 443);
        }
    }
    for (unsigned count = 0; count < 12; count++) { /* seven are walked through, as the eighth look is at the last */
        ipv6(count ? 60 : IPPROTO_TCP);
        for (unsigned i = 1; i <= count; i++)
            extension(i == count ? IPPROTO_TCP : 60, 8 * i);
        plain_tcp();
        assert_int_equal(tcp(), count < 8);
        assert_true(head());
        assert_int_equal(p.proto, count < 8 ? IPPROTO_TCP : 0);
    }
    ipv6(60); /* cut off inside the extension header, and right behind it */
    extension(IPPROTO_UDP, 8);
    assert_true(head());
    assert_int_equal(p.proto, IPPROTO_UDP);
    for (; o.len > 40; o.len--) {
        assert_int_equal(packet_head(at_the_edge(o.len - 1), o.len - 1, &p), true);
        assert_int_equal(p.proto, 0);
    }
}

static void test_ipv6_fragments(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) { /* the last three bits are no offset: the ports are there */
        ipv6(44);
        extension(IPPROTO_TCP, 8);
        o.data[41] = 3; /* reserved: no length */
        o.data[42] = (uint8_t)(1u << bit >> 8);
        o.data[43] = (uint8_t)(1u << bit);
        plain_tcp();
        assert_int_equal(tcp(), bit < 3);
        if (bit < 3)
            assert_string_equal(p.odd, "IPv6 extension headers");
    }
    ipv6(60); /* in another header the same octets are an option */
    extension(IPPROTO_TCP, 8);
    memset(o.data + 42, 0xff, 6);
    plain_tcp();
    assert_true(tcp());
    ipv6(43);
    extension(IPPROTO_TCP, 8);
    memset(o.data + 42, 0xff, 6);
    plain_tcp();
    assert_true(tcp());
}

static void test_not_tcp(void **state)
{
    (void)state;
    packet((struct segment){0});
    o.data[9] = IPPROTO_UDP;
    assert_false(tcp());
    assert_true(head());
    assert_int_equal(p.client_port, 40000);
    o.data[9] = IPPROTO_SCTP;
    assert_true(head());
    assert_int_equal(p.client_port, 0);
    for (unsigned words = 0; words < 16; words++) { /* the head of TCP is longer than it can be, or shorter */
        packet((struct segment){.data = (const uint8_t *)"abcd", .len = 4});
        o.data[32] = (uint8_t)(words << 4);
        assert_int_equal(tcp(), words == 5 || words == 6);
    }
    packet((struct segment){0}); /* the total length ends before TCP's head does, or with it */
    o.data[3] = 39;
    assert_false(tcp());
    o.data[3] = 40;
    put_fill(&o, 6, 0); /* padding of the link */
    assert_true(tcp());
    assert_null(p.odd);
    assert_int_equal(p.len, 0);
}

static void test_hops_and_bits(void **state)
{
    (void)state;
    static const char *const clients[] = {CLIENT, "fd00::9"}, *const servers[] = {SERVER, "2001:db8::5"};
    for (unsigned v = 0; v < 2; v++)
        for (unsigned hops = PACKET_HOPS_MIN - 1; hops <= PACKET_HOPS_MIN; hops++) {
            packet((struct segment){.client = clients[v], .server = servers[v], .hops = hops});
            assert_true(tcp());
            assert_int_equal(p.odd != NULL, hops < PACKET_HOPS_MIN);
        }
    for (unsigned bit = 0; bit < 4; bit++) {
        packet((struct segment){0});
        o.data[32] |= (uint8_t)(1u << bit);
        assert_true(tcp());
        assert_int_equal(p.odd != NULL, bit > 0); /* the lowest one is ECN's (RFC 3540, RFC 9768) */
    }
    for (unsigned flags = 0; flags < 64; flags++)
        for (size_t len = 0; len < 2; len++) {
            packet((struct segment){.flags = flags | 0x100, .data = (const uint8_t *)"a", .len = len});
            o.data[32] &= 0xf0;
            assert_true(tcp());
            bool odd =
                flags & PACKET_URG || (len > 0 && (flags & (PACKET_SYN | PACKET_RST | PACKET_ACK)) != PACKET_ACK);
            assert_int_equal(p.odd != NULL, odd);
            assert_int_equal(p.flags, flags);
        }
}

/* NULL, or what is odd about a packet with these options (filled up with zeros). */
static const char *options(unsigned flags, const void *data, size_t len)
{
    static uint8_t padded[40];
    memset(padded, 0, sizeof padded);
    memcpy(padded, data, len);
    packet((struct segment){.flags = flags, .options = padded, .options_len = (len + 3) / 4 * 4});
    assert_true(tcp());
    return p.odd;
}
#define OPTIONS(flags, text) options(flags, text, sizeof(text) - 1)

static void test_options(void **state)
{
    (void)state;
    static const char unreadable[] = "TCP options that cannot be read",
                      strange[] = "a TCP option that does not belong there";
    assert_null(OPTIONS(PACKET_ACK, ""));
    assert_null(OPTIONS(PACKET_ACK, "\0\5\5\5"));       /* behind the end nothing counts */
    assert_null(OPTIONS(PACKET_ACK, "\1\1\1\1"));
    assert_null(OPTIONS(PACKET_ACK, "\1\1\10\12\0\0\0\1\0\0\0\2"));
    assert_null(OPTIONS(PACKET_SYN, "\2\4\5\264\4\2\1\3\3\7")); /* segment size, SACK, window */
    assert_string_equal(OPTIONS(PACKET_ACK, "\2\4\5\264"), strange);
    assert_string_equal(OPTIONS(PACKET_ACK, "\4\2\1\1"), strange);
    assert_string_equal(OPTIONS(PACKET_ACK, "\10\2\1\1"), strange); /* a timestamp has ten octets */
    assert_false(p.stamped);
    assert_string_equal(OPTIONS(PACKET_ACK, "\11\12\0\0\0\1\0\0\0\2\1\1"), strange);
    assert_false(p.stamped);
    assert_string_equal(OPTIONS(PACKET_ACK, "\10\12\0\0\0\1\0\0\0\2\10\12\0\0\0\3\0\0\0\4"), strange);
    assert_int_equal(p.stamp, 1); /* and the first counts */
    static const char *const broken[] = {"\1\1\1\2", "\2\0\1\1",   "\2\1\1\1", "\2\5\1\1",
                                         "\1\1\4\3", "\10\12\1\1", "\1\1\1\10"};
    for (unsigned i = 0; i < COUNT(broken); i++) {
        assert_string_equal(options(PACKET_ACK, broken[i], 4), unreadable);
        assert_string_equal(options(PACKET_SYN, broken[i], 4), unreadable);
    }
    assert_null(OPTIONS(PACKET_SYN, "\1\1\4\2"));       /* it ends with the head */
}

/* Every bit of a packet that the checksum covers; of both families, with an odd and an even number of octets. */
static void test_checksum(void **state)
{
    (void)state;
    static const char *const clients[] = {CLIENT, "fd00::9"}, *const servers[] = {SERVER, "2001:db8::5"};
    static const uint8_t data[] = {0xff, 0xff, 0xff, 0xff, 0xff};
    for (unsigned v = 0; v < 2; v++)
        for (size_t len = 0; len <= sizeof data; len++) {
            packet((struct segment){.client = clients[v], .server = servers[v], .data = data, .len = len});
            size_t from = v == 0 ? 12 : 8, head_end = from + (v == 0 ? 8 : 32);
            assert_true(packet_tcp(at_the_edge(o.len), o.len, true, &p));
            assert_null(p.odd);
            for (size_t i = from; i < o.len; i++) {
                if (i == head_end + 12 || i == head_end + 13) /* lengths and flags have a say of their own */
                    continue;
                for (unsigned bit = 0; bit < 8; bit++) {
                    o.data[i] ^= (uint8_t)(1u << bit);
                    assert_true(packet_tcp(at_the_edge(o.len), o.len, true, &p));
                    assert_string_equal(p.odd, "a wrong checksum");
                    assert_true(packet_tcp(at_the_edge(o.len), o.len, false, &p));
                    assert_null(p.odd);
                    o.data[i] ^= (uint8_t)(1u << bit);
                }
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),    cmocka_unit_test(test_not_ip),         cmocka_unit_test(test_ipv4_head),
        cmocka_unit_test(test_ipv6_extensions), cmocka_unit_test(test_ipv6_fragments), cmocka_unit_test(test_not_tcp),
        cmocka_unit_test(test_hops_and_bits),   cmocka_unit_test(test_options),        cmocka_unit_test(test_checksum),
    };
    return cmocka_run_group_tests(tests, make_page, NULL);
}
