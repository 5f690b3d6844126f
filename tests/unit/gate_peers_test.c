/* What `sni` says is checked: gate makes no packet of its own for a flow that the kernel does not know. */
#include "gate.h"
#include "firewall.h"
#include "queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct gate gate;
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
    peers_sni.message(&gate, &m);
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

static const char *refused(void)
{
    static char line[CAUSE_LINE_MAX];
    return cause_line(&gate.refused, line);
}

/* People are told which line of the site file is missing. */
static void a_private_answer_names_its_line(void **state)
{
    struct msg m = {.head = {.type = MSG_REFUSED}, .u.refused = {.why = WHY_PRIVATE, .qtype = 1}};
    (void)state;
    assert_true(conf_parse_addr("192.168.77.10", &m.u.refused.client) &&
                conf_parse_addr("10.30.1.10", &m.u.refused.answer));
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "intranet.hospital.example");
    peers_dns.message(&gate, &m);
    assert_string_equal(refused(),
                        "answer-private name=intranet.hospital.example answer=10.30.1.10 domain=hospital.example");
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "hospital.example");
    peers_dns.message(&gate, &m);
    assert_non_null(strstr(refused(), " domain=hospital.example"));
    /* Not the second level that Japan's registry gives out for hospitals: that would be everybody's. */
    static const char *const names[] = {"hospital.or.jp", "www.hospital.or.jp"};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(m.u.refused.name, sizeof m.u.refused.name, "%s", names[i]);
        peers_dns.message(&gate, &m);
        assert_non_null(strstr(refused(), " domain=hospital.or.jp"));
    }
    /* The other answers that are not believed; what is no word for people is none. */
    static const struct {
        enum msg_why why;
        const char *line;
    } others[] = {{WHY_OUTSIDE, "answer-outside name=www.hospital.or.jp answer=10.30.1.10"},
                  {WHY_FORBIDDEN, "answer-forbidden name=www.hospital.or.jp answer=10.30.1.10"},
                  {WHY_CHAIN, "answer-alias name=www.hospital.or.jp"},
                  {WHY_FLOOD, "answer-alias name=www.hospital.or.jp"}};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        m.u.refused.why = (uint8_t)others[i].why;
        peers_dns.message(&gate, &m);
        assert_string_equal(refused(), others[i].line);
    }
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "%s", "a b\x1b=%.example");
    m.u.refused.why = WHY_CHAIN;
    peers_dns.message(&gate, &m);
    assert_string_equal(refused(), "answer-alias name=a?b???.example");
}

/* ---- networks that a hub does not carry ---- */

static struct prefix net(const char *text)
{
    struct prefix p;
    assert_true(conf_parse_prefix(text, &p));
    return p;
}

/* A tunnel that is up and carries the first of its service's networks alone. */
static void service_with_one_of(unsigned number, const char *name, const char *const networks[], unsigned count)
{
    struct conf_service *conf = &gate.conf.services[number - 1];
    struct charon_service *v = &gate.charon.services[number];
    *conf = (struct conf_service){.number = (uint8_t)number, .remote_count = count, .rule_count = 1};
    snprintf(conf->rules[0].name, sizeof conf->rules[0].name, "%s", name);
    for (unsigned i = 0; i < count; i++)
        conf->remote[i] = net(networks[i]);
    *v = (struct charon_service){.conf = conf, .sa = {.child = number, .remote_count = 1}};
    v->sa.remote[0] = conf->remote[0];
    gate.conf.service_count = number;
    admit_init(&gate.admit, &gate.conf);
}

/* What is said of a name whose answer lies outside of what its tunnel carries. */
static const char *outside(const char *name, const char *answer)
{
    struct msg m = {.head = {.type = MSG_REFUSED}, .u.refused = {.why = WHY_OUTSIDE, .qtype = 1}};
    assert_true(conf_parse_addr("192.168.77.10", &m.u.refused.client) && conf_parse_addr(answer, &m.u.refused.answer));
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "%s", name);
    peers_dns.message(&gate, &m);
    return refused();
}

static void a_network_that_the_hub_does_not_carry(void **state)
{
    static const char *const one[] = {"10.20.0.0/16", "10.21.0.0/16"}, *const two[] = {"10.30.0.0/16", "10.31.0.0/16"};
    (void)state;
    service_with_one_of(1, "www.registry.example", one, 2);
    service_with_one_of(2, "*.other.example", two, 2);
    assert_string_equal(outside("www.registry.example", "10.21.0.80"),
                        "answer-not-carried name=www.registry.example answer=10.21.0.80");
    assert_string_equal(outside("a.other.example", "10.31.0.80"),
                        "answer-not-carried name=a.other.example answer=10.31.0.80");
    /* In none of the service file's networks; in one of them that is another service's affair. */
    assert_string_equal(outside("www.registry.example", "10.40.0.80"),
                        "answer-outside name=www.registry.example answer=10.40.0.80");
    assert_string_equal(outside("www.registry.example", "10.31.0.80"),
                        "answer-outside name=www.registry.example answer=10.31.0.80");
    /* The tunnel is gone meanwhile. */
    gate.charon.services[1].sa.child = 0;
    assert_string_equal(outside("www.registry.example", "10.21.0.80"),
                        "answer-outside name=www.registry.example answer=10.21.0.80");
}

/* The state file's line, after "not-carried ". */
static const char *not_carried(char *text, size_t size)
{
    char dir[] = "/tmp/gate_peers.XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/gate", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    gate.paths.run = dir;
    state_write(&gate);
    snprintf(path, sizeof path, "%s/gate/state", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = 0;
    assert_int_equal(unlink(path), 0);
    path[strlen(path) - strlen("/state")] = 0;
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
    char *line = strstr(text, "\nnot-carried ");
    assert_non_null(line);
    line += strlen("\nnot-carried ");
    line[strcspn(line, "\n")] = 0;
    return line;
}

static uint64_t state_now(void *user)
{
    (void)user;
    return 0;
}

/* Whole networks, and how many more there are. */
static void as_many_as_find_room_are_named(void **state)
{
    static const struct session_ops ops = {.now = state_now};
    char names[2 * CONF_PREFIXES_MAX][20], text[8192];
    const char *nets[2 * CONF_PREFIXES_MAX] = {0};
    (void)state;
    gate.session.ops = &ops;
    gate.configured = true;
    gate.charon.services[2] = (struct charon_service){0};
    for (unsigned i = 0; i < 2 * CONF_PREFIXES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "10.%u.255.128/25", 100 + i);
        nets[i] = names[i];
    }
    service_with_one_of(1, "www.registry.example", nets, 3);
    assert_string_equal(not_carried(text, sizeof text), "10.101.255.128/25 10.102.255.128/25");
    service_with_one_of(1, "www.registry.example", nets, CONF_PREFIXES_MAX);
    service_with_one_of(2, "*.other.example", nets + CONF_PREFIXES_MAX, CONF_PREFIXES_MAX);
    const char *said = not_carried(text, sizeof text);
    unsigned named = 0, more = 0;
    for (const char *at = said; (at = strstr(at, ".255.128/25")) != NULL; at++)
        named++;
    const char *rest = strstr(said, " (+");
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, " (+%u)", &more), 1);
    assert_string_equal(strchr(rest, ')'), ")");
    assert_int_equal(named + more, 2 * (CONF_PREFIXES_MAX - 1));
    assert_true(named >= 16 && strlen(said) < 500);
    gate.configured = false;
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

/* A flow is agreed to, answered; what was under way goes through the rules again. */
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
        /* A flow that is a question again (its bit is another) stays one, whatever comes late; so does a refused one. */
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
    gate.sni.fd = -1;
    gate.sni.packets = -1;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, queue) < 0)
        return -1;
    gate.sni.packets = queue[0];
    admit_init(&gate.admit, &gate.conf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_for_an_unknown_flow), cmocka_unit_test(each_verdict_changes_its_bits_only),
        cmocka_unit_test(a_private_answer_names_its_line),     cmocka_unit_test(a_network_that_the_hub_does_not_carry),
        cmocka_unit_test(as_many_as_find_room_are_named),
    };
    return cmocka_run_group_tests_name("gate_peers", tests, setup, NULL);
}
