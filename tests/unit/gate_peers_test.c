/* What `hello` says is checked: gate makes no packet of its own for a flow that the kernel does not know. */
#include "gate.h"
#include "queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct gate gate;
static int queue[2]; /* gate writes its verdicts to [0] */

struct verdict {
    uint32_t id, verdict;
    bool replaced;
};

/* A message of `hello` and gate's verdicts about it. The kernel is not there, so it knows no flow. */
static unsigned verdicts(const struct msg_flow *flow, struct verdict *out, unsigned max)
{
    static _Alignas(struct nlmsghdr) char in[QUEUE_ROOM];
    struct msg m = {.head = {.type = MSG_FLOW}, .u.flow = *flow};
    unsigned count = 0;
    peers_hello.message(&gate, &m);
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
        }
        count++;
    }
    return count;
}

/* People are told which line of the site file is missing. */
static void a_private_answer_names_its_line(void **state)
{
    struct msg m = {.head = {.type = MSG_REFUSED}, .u.refused = {.why = WHY_PRIVATE, .qtype = 1}};
    (void)state;
    assert_true(conf_parse_addr("192.168.77.10", &m.u.refused.client) &&
                conf_parse_addr("10.30.1.10", &m.u.refused.answer));
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "intranet.hospital.example");
    peers_names.message(&gate, &m);
    assert_string_equal(gate.refused,
                        "intranet.hospital.example: the answer 10.30.1.10 is a private address; if it is the "
                        "site's own, [lan] needs `private-answers = hospital.example`");
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "hospital.example");
    peers_names.message(&gate, &m);
    assert_non_null(strstr(gate.refused, "`private-answers = hospital.example`"));
    /* Not the second level that Japan's registry gives out for hospitals: that would be everybody's. */
    static const char *const names[] = {"hospital.or.jp", "www.hospital.or.jp"};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(m.u.refused.name, sizeof m.u.refused.name, "%s", names[i]);
        peers_names.message(&gate, &m);
        assert_non_null(strstr(gate.refused, "`private-answers = hospital.or.jp`"));
    }
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

static int setup(void **state)
{
    (void)state;
    gate.hello.fd = -1;
    gate.hello.packets = -1;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, queue) < 0)
        return -1;
    gate.hello.packets = queue[0];
    admit_init(&gate.admit, &gate.conf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_for_an_unknown_flow),
        cmocka_unit_test(a_private_answer_names_its_line),
    };
    return cmocka_run_group_tests_name("gate_peers", tests, setup, NULL);
}
