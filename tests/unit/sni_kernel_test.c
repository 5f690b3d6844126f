/* Input from the kernel: netlink messages of both kinds, IP headers of every shape, folding of refused packets. */
#include "test.h"

#include "blocked.h"
#include "sni_fixture.h"
#include "sni_netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>

static _Alignas(struct nlmsghdr) uint8_t buffer[4096];
static struct queued q;
static struct octets o;

static struct nlmsghdr *packet(uint32_t id, uint32_t mark, uint32_t info)
{
    struct nfqnl_msg_packet_hdr head = {.packet_id = htonl(id)};
    struct nlmsghdr *m = netlink_begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 1);
    mnl_attr_put(m, NFQA_PACKET_HDR, 7, &head); /* as the kernel has it, without padding */
    mnl_attr_put_u32(m, NFQA_MARK, htonl(mark));
    mnl_attr_put_u32(m, NFQA_SKB_INFO, htonl(info));
    mnl_attr_put(m, NFQA_PAYLOAD, 5, "hello");
    return m;
}

static void test_queue(void **state)
{
    (void)state;
    queue_read(packet(77, 0x203, NFQA_SKB_CSUM_NOTVERIFIED), &q); /* service 3, and the bit of the rule set */
    assert_int_equal(q.what, QUEUE_PACKET);
    assert_int_equal(q.id, 77);
    assert_int_equal(q.mark, 3);
    assert_true(q.checksum);
    assert_false(q.answer);
    assert_int_equal(q.len, 5);
    assert_memory_equal(q.data, "hello", 5);
    queue_read(packet(77, 0xa03, NFQA_SKB_CSUM_NOTVERIFIED), &q); /* of the server */
    assert_int_equal(q.mark, 3);
    assert_true(q.answer);
    queue_read(packet(77, 9, NFQA_SKB_CSUMNOTREADY), &q);
    assert_int_equal(q.mark, 0); /* no such service */
    assert_false(q.checksum);
    struct nlmsghdr *m = packet(77, 3, 0);
    m->nlmsg_type = NLMSG_ERROR; /* the kernel's answer to a verdict */
    queue_read(m, &q);
    assert_int_equal(q.what, QUEUE_NOTHING);
    m = netlink_begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 1); /* no id */
    mnl_attr_put(m, NFQA_PAYLOAD, 5, "hello");
    queue_read(m, &q);
    assert_int_equal(q.what, QUEUE_NOTHING);
    m = packet(77, 3, 0); /* the last attribute says that it is longer than the message */
    struct nlattr *last = (struct nlattr *)((uint8_t *)m + m->nlmsg_len - 12);
    assert_int_equal(last->nla_type, NFQA_PAYLOAD);
    last->nla_len += 3;
    m->nlmsg_len -= 1;
    queue_read(m, &q);
    assert_int_equal(q.len, 0);
    m = netlink_begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 1);
    m->nlmsg_len = NLMSG_HDRLEN;
    queue_read(m, &q);
    assert_int_equal(q.what, QUEUE_NOTHING);
}

static void logged(unsigned group, const char *prefix, const void *data, size_t len)
{
    struct nlmsghdr *m = netlink_begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET, group);
    if (prefix)
        mnl_attr_put_strz(m, NFULA_PREFIX, prefix);
    mnl_attr_put(m, NFULA_PAYLOAD, len, data);
    queue_read(m, &q);
}

static void test_log(void **state)
{
    (void)state;
    logged(1, "not-listed", "x", 1);
    assert_int_equal(q.what, QUEUE_LOG);
    assert_string_equal(q.reason, "not-listed");
    logged(QUEUE_SYNACK_GROUP, NULL, "x", 1);
    assert_int_equal(q.what, QUEUE_SYNACK);
    assert_false(q.agreed);
    logged(QUEUE_SYNACK_GROUP, QUEUE_SYNACK_AGREED, "x", 1);
    assert_int_equal(q.what, QUEUE_SYNACK);
    assert_true(q.agreed);
    static const char *const bad[] = {"", "Not-listed", "not listed", "not\nlisted", "a-reason-that-is-far-too-long"};
    for (unsigned i = 0; i < COUNT(bad); i++) {
        logged(1, bad[i], "x", 1);
        assert_int_equal(q.what, QUEUE_NOTHING);
    }
    logged(1, NULL, "x", 1);
    assert_int_equal(q.what, QUEUE_NOTHING);
}

/* ---- heads ---- */

static void test_heads(void **state)
{
    (void)state;
    struct packet p;
    o.len = 0; /* UDP over IPv6, a destination options header before it */
    put_number(&o, 8, 0x6000000000103c40);
    put_fill(&o, 32, 1);
    put_number(&o, 8, 0x1100010400000000);
    put_number(&o, 8, 0xc00001bb00080000);
    assert_true(packet_head(o.data, o.len, &p));
    assert_int_equal(p.proto, IPPROTO_UDP);
    assert_int_equal(p.server_port, 443);
    for (size_t len = 40; len < o.len; len++) /* cut off: as much as there is */
        assert_true(packet_head(o.data, len, &p));
    assert_int_equal(p.server_port, 443);
    assert_false(packet_head(o.data, 39, &p));
    o.len = 0; /* an IPv4 fragment has no ports */
    put_number(&o, 8, 0x4500001c00000005);
    put_number(&o, 4, 0x40060000);
    put_fill(&o, 16, 1);
    assert_true(packet_head(o.data, o.len, &p));
    assert_int_equal(p.proto, IPPROTO_TCP);
    assert_int_equal(p.server_port, 0);
    assert_false(packet_head((const uint8_t *)"\x55", 1, &p));
    assert_false(packet_head((const uint8_t *)"", 0, &p));
}

/* ---- refused packets ---- */

static unsigned told;
static struct msg_blocked last;
static bool room;

static bool on_blocked(void *user, const struct msg_blocked *m)
{
    (void)user;
    if (!room)
        return false;
    told++;
    last = *m;
    return true;
}

static struct blocked b;
static uint64_t skipped;

static void blocked_for(const char *reason, uint64_t now, const char *client)
{
    o.len = 0;
    put_packet(&o, &(struct segment){.client = client, .flags = PACKET_SYN});
    q = (struct queued){.what = QUEUE_LOG, .data = o.data, .len = o.len};
    snprintf(q.reason, sizeof q.reason, "%s", reason);
    blocked_packet(&b, now, &q);
}

static void blocked(uint64_t now, const char *client)
{
    blocked_for("not-listed", now, client);
}

static void test_folding(void **state)
{
    (void)state;
    told = 0;
    room = true;
    blocked_init(&b, 1000, on_blocked, NULL, &skipped);
    assert_int_equal(blocked_wait(&b, 1000), -1);
    blocked(1000, CLIENT);
    assert_int_equal(told, 1);
    assert_int_equal(last.count, 1);
    assert_string_equal(last.reason, "not-listed");
    assert_int_equal(last.proto, IPPROTO_TCP);
    assert_int_equal(last.port, 443);
    for (unsigned i = 0; i < 99; i++)
        blocked(1000 + i, CLIENT);
    assert_int_equal(told, 1);
    blocked(1050, "192.168.77.101"); /* another */
    assert_int_equal(told, 2);
    assert_int_equal(blocked_wait(&b, 2000), 9000);
    blocked_due(&b, 10999);
    assert_int_equal(told, 2);
    blocked_due(&b, 11000);
    assert_int_equal(told, 3);
    assert_int_equal(last.count, 99);
    blocked_due(&b, 21000); /* nothing more: forgotten */
    blocked_due(&b, 31000);
    assert_int_equal(told, 3);
    assert_int_equal(blocked_wait(&b, 31000), -1);
    blocked(31000, CLIENT);
    assert_int_equal(told, 4);
    assert_int_equal(last.count, 1);
}

/* gate starts a session for a waiting PC, perhaps soon after the end of the previous one. */
static void test_waiting_is_told_soon_again(void **state)
{
    (void)state;
    told = 0;
    room = true;
    blocked_init(&b, 1000, on_blocked, NULL, &skipped);
    blocked_for("waiting", 1000, CLIENT);
    blocked_for("waiting", 1500, CLIENT);
    assert_int_equal(told, 1);
    assert_int_equal(blocked_wait(&b, 1500), 500);
    blocked_due(&b, 2000);
    assert_int_equal(told, 2);
    blocked_due(&b, 3000);
    blocked_for("waiting", 4000, CLIENT);
    assert_int_equal(told, 3);
}

static void test_flood(void **state)
{
    (void)state;
    char client[32];
    told = 0;
    room = true;
    skipped = 0;
    blocked_init(&b, 1000, on_blocked, NULL, &skipped);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(client, sizeof client, "192.168.%u.%u", 100 + i / 250, i % 250);
        blocked(1000 + i / 20, client);
    }
    assert_in_range(told, BLOCKED_BURST, BLOCKED_BURST + 2 * BLOCKED_RATE);
    assert_true(skipped > 0);
    room = false; /* gate does not read: it goes on gathering */
    blocked_init(&b, 1000, on_blocked, NULL, &skipped);
    blocked(1000, CLIENT);
    blocked(1000, CLIENT);
    blocked_due(&b, 11000);
    room = true;
    told = 0;
    blocked_due(&b, 21000);
    assert_int_equal(told, 1);
    assert_int_equal(last.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_waiting_is_told_soon_again),
        cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
