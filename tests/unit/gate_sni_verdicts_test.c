/* Checks of sni's messages: gate makes no packet of its own for a flow that the kernel does not know. */
#include "sni_verdicts.h"
#include "firewall.h"
#include "queue.h"
#include "test.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

static struct conf conf;
static struct session session;
static struct charon charon;
static struct admit admit;
static struct refusals refusals;
static struct sni_link sni;
static bool changed;
static struct sni_verdicts judge;
static int queue[2]; /* gate writes its verdicts to [0] */

struct verdict {
    uint32_t id, verdict;
    bool replaced, marked;
    uint32_t mark, mask; /* of the connection */
};

static void connection(const struct nlattr *nest, struct verdict *out)
{
    const struct nlattr *a;
    out->marked = true;
    mnl_attr_for_each_nested(a, nest)
    {
        uint32_t value = ntohl(mnl_attr_get_u32(a));
        if (mnl_attr_get_type(a) == CTA_MARK)
            out->mark = value;
        else if (mnl_attr_get_type(a) == CTA_MARK_MASK)
            out->mask = value;
    }
}

/* A message of `sni` and gate's verdicts about it. The kernel is not there, so it knows no flow. */
static unsigned verdicts(const struct msg_flow *flow, struct verdict *out, unsigned max)
{
    static _Alignas(struct nlmsghdr) char in[QUEUE_ROOM];
    struct msg m = {.head = {.type = MSG_FLOW}, .u.flow = *flow};
    unsigned count = 0;
    sni_verdicts_ops.message(&judge, &m);
    int left = (int)recv(queue[1], in, sizeof in, MSG_DONTWAIT);
    for (struct nlmsghdr *h = (void *)in; mnl_nlmsg_ok(h, left) && count < max; h = mnl_nlmsg_next(h, &left)) {
        const struct nlattr *a;
        out[count] = (struct verdict){0};
        mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
        {
            if (mnl_attr_get_type(a) == NFQA_VERDICT_HDR) {
                const struct nfqnl_msg_verdict_hdr *v = mnl_attr_get_payload(a);
                out[count].id = ntohl(v->id);
                out[count].verdict = ntohl(v->verdict);
            }
            out[count].replaced |= mnl_attr_get_type(a) == NFQA_PAYLOAD;
            if (mnl_attr_get_type(a) == NFQA_CT)
                connection(a, &out[count]);
        }
        count++;
    }
    return count;
}

static void nothing_is_made_for_an_unknown_flow(void **state)
{
    static const enum msg_flow_what whats[] = {FLOW_NOT_TLS, FLOW_BROKEN, FLOW_NAME, FLOW_MORE, FLOW_DROP};
    struct msg_flow m = {.service = 1, .client_port = 50000, .server_port = 443, .count = 2, .packets = {7, 8}};
    struct verdict v[4];
    (void)state;
    assert_true(conf_parse_addr("192.168.77.10", &m.client) && conf_parse_addr("203.0.113.80", &m.server));
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        m.what = (uint8_t)whats[i];
        assert_int_equal(verdicts(&m, v, 4), 2);
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(v[k].id, 7 + k);
            assert_int_equal(v[k].verdict, NF_DROP);
            assert_false(v[k].replaced);
        }
    }
}

/* A flow is allowed, then answered; packets in flight pass the rules again. */
static void each_verdict_changes_its_bits_only(void **state)
{
    static const struct {
        enum msg_flow_what what;
        uint32_t verdict;
        bool marked;
        uint32_t mark, mask;
    } rows[] = {
        {FLOW_EARLY, NF_ACCEPT, false, 0, 0},
        {FLOW_AFTER, NF_REPEAT, false, 0, 0},
        /*
         * A flow that is a question again (its bit is another) stays one, whatever comes late; so does a refused one.
         */
        {FLOW_ANSWER, NF_ACCEPT, true, 0, FIREWALL_MARK_AGREED},
    };
    struct msg_flow m = {.service = 1, .client_port = 50000, .server_port = 443, .count = 2, .packets = {7, 8}};
    struct verdict v[4];
    (void)state;
    assert_true(conf_parse_addr("192.168.77.10", &m.client) && conf_parse_addr("203.0.113.80", &m.server));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        m.what = (uint8_t)rows[i].what;
        assert_int_equal(verdicts(&m, v, 4), 2);
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(v[k].id, 7 + k);
            assert_int_equal(v[k].verdict, rows[i].verdict);
            assert_false(v[k].replaced);
            assert_int_equal(v[k].marked, rows[i].marked);
            assert_int_equal(v[k].mark, rows[i].mark);
            assert_int_equal(v[k].mask, rows[i].mask);
        }
    }
    m.what = FLOW_BROKEN; /* of which no packet is held */
    m.count = 0;
    assert_int_equal(verdicts(&m, v, 4), 0);
}

static int setup(void **state)
{
    (void)state;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, queue) < 0)
        return -1;
    sni = (struct sni_link){.fd = -1, .packets = queue[0], .blocked = -1};
    admit_init(&admit, &conf);
    judge = (struct sni_verdicts){.session = &session,
                                  .charon = &charon,
                                  .admit = &admit,
                                  .refusals = &refusals,
                                  .sni = &sni,
                                  .changed = &changed};
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_for_an_unknown_flow),
        cmocka_unit_test(each_verdict_changes_its_bits_only),
    };
    return cmocka_run_group_tests_name("gate_sni_verdicts", tests, setup, NULL);
}
