/* Reports of `dns` for people: which answer was refused, and which entry of a file is missing. */
#include "dns_requests.h"
#include "state.h"
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct conf conf;
    struct session session;
    struct charon charon;
    struct registry registry;
    struct admit admit;
    struct refusals refusals;
    struct resolvers resolvers;
    struct sni_link sni;
    struct sni_verdicts verdicts;
    struct firewall_stats stats;
    bool changed;
} gate;
static struct dns_requests requests;
static const struct cause no_fault;

static const char *refused(void)
{
    static char line[CAUSE_LINE_MAX];
    return cause_line(&requests.refused, line);
}

/* The missing line of the site file is reported. */
static void a_private_answer_names_its_line(void **state)
{
    struct msg m = {.head = {.type = MSG_REFUSED}, .u.refused = {.why = WHY_PRIVATE, .qtype = 1}};
    (void)state;
    assert_true(conf_parse_addr("192.168.77.10", &m.u.refused.client) &&
                conf_parse_addr("10.30.1.10", &m.u.refused.answer));
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "intranet.hospital.example");
    dns_requests_ops.message(&requests, &m);
    assert_string_equal(refused(),
                        "answer-private name=intranet.hospital.example answer=10.30.1.10 domain=hospital.example");
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "hospital.example");
    dns_requests_ops.message(&requests, &m);
    assert_non_null(strstr(refused(), " domain=hospital.example"));
    /* Not the second level that Japan's registry gives out for hospitals: that would be everybody's. */
    static const char *const names[] = {"hospital.or.jp", "www.hospital.or.jp"};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(m.u.refused.name, sizeof m.u.refused.name, "%s", names[i]);
        dns_requests_ops.message(&requests, &m);
        assert_non_null(strstr(refused(), " domain=hospital.or.jp"));
    }
    /* The other answers that are not believed; what is no word for people is none. */
    static const struct {
        enum msg_why why;
        const char *line;
    } others[] = {{WHY_OUTSIDE, "answer-outside name=www.hospital.or.jp answer=10.30.1.10"},
                  {WHY_FORBIDDEN, "answer-forbidden name=www.hospital.or.jp answer=10.30.1.10"},
                  {WHY_REGISTRY, "answer-registry name=www.hospital.or.jp answer=10.30.1.10"},
                  {WHY_CHAIN, "answer-alias name=www.hospital.or.jp"},
                  {WHY_FLOOD, "answer-alias name=www.hospital.or.jp"}};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        m.u.refused.why = (uint8_t)others[i].why;
        dns_requests_ops.message(&requests, &m);
        assert_string_equal(refused(), others[i].line);
    }
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "%s", "a b\x1b=%.example");
    m.u.refused.why = WHY_CHAIN;
    dns_requests_ops.message(&requests, &m);
    assert_string_equal(refused(), "answer-alias name=a?b???.example");
}

/* A hub of PCs' own tunnels is no registry: its answer is refused in words of its own. */
static void an_answer_that_is_no_hub(void **state)
{
    struct msg m = {.head = {.type = MSG_REFUSED}, .u.refused = {.why = WHY_FORBIDDEN, .qtype = 1}};
    struct conf_service *own = &gate.conf.services[0];
    (void)state;
    *own = (struct conf_service){.number = 1, .by_pc = true, .rule_count = 1};
    snprintf(own->rules[0].name, sizeof own->rules[0].name, "vpn.example.jp");
    gate.conf.service_count = 1;
    admit_init(&gate.admit, &gate.conf);
    assert_true(conf_parse_addr("192.168.77.10", &m.u.refused.client) &&
                conf_parse_addr("203.0.113.10", &m.u.refused.answer));
    snprintf(m.u.refused.name, sizeof m.u.refused.name, "vpn.example.jp");
    dns_requests_ops.message(&requests, &m);
    assert_string_equal(refused(), "answer-no-hub name=vpn.example.jp answer=203.0.113.10");
    gate.conf.service_count = 0;
    admit_init(&gate.admit, &gate.conf);
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
    v->needed_count = conf_registry(conf, v->needed);
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
    dns_requests_ops.message(&requests, &m);
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

/* A hub that carries everything and has narrowed it: that is its right, unless it leaves the resolver out. */
static void what_a_hub_has_narrowed(void **state)
{
    static const char *const all[] = {"0.0.0.0/0"};
    const struct prefix *left[CONF_PREFIXES_MAX];
    (void)state;
    memset(&gate.charon, 0, sizeof gate.charon);
    service_with_one_of(1, "www.registry.example", all, 1);
    struct charon_service *v = &gate.charon.services[1];
    v->sa.remote[0] = net("10.20.0.0/16");
    gate.conf.services[0].resolver = net("10.20.0.53/32").addr;
    v->needed_count = conf_registry(v->conf, v->needed);
    gate.registry.service = 1;
    assert_int_equal(charon_left_out(&gate.charon, 1, left), 0);
    assert_string_equal(outside("www.registry.example", "203.0.113.80"),
                        "answer-not-carried name=www.registry.example answer=203.0.113.80");
    v->sa.remote[0] = net("10.21.0.0/16");
    assert_int_equal(charon_left_out(&gate.charon, 1, left), 1);
    assert_true(addr_equal(&left[0]->addr, &gate.conf.services[0].resolver));
    gate.registry.service = 0;
}

/* The state file's line, after "not-carried ". */
static const char *not_carried(char *text, size_t size)
{
    char dir[] = "/tmp/gate_dns_requests.XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/gate", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    struct view view = {.run = dir,
                        .fault = &no_fault,
                        .conf = &gate.conf,
                        .session = &gate.session,
                        .charon = &gate.charon,
                        .admit = &gate.admit,
                        .resolvers = &gate.resolvers,
                        .requests = &requests,
                        .verdicts = &gate.verdicts,
                        .sni = &gate.sni,
                        .refusals = &gate.refusals,
                        .stats = &gate.stats};
    state_write(&view);
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

/* Whole networks, and how many more there are. */
static void as_many_as_find_room_are_named(void **state)
{
    char names[2 * CONF_PREFIXES_MAX][20], text[8192];
    const char *nets[2 * CONF_PREFIXES_MAX] = {0};
    (void)state;
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
}

static int setup(void **state)
{
    (void)state;
    gate.sni.fd = -1;
    gate.verdicts.sni = &gate.sni;
    admit_init(&gate.admit, &gate.conf);
    requests.session = &gate.session;
    requests.charon = &gate.charon;
    requests.admit = &gate.admit;
    requests.registry = &gate.registry;
    requests.refusals = &gate.refusals;
    requests.changed = &gate.changed;
    dns_requests_init(&requests);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_private_answer_names_its_line),
        cmocka_unit_test(an_answer_that_is_no_hub),
        cmocka_unit_test(a_network_that_the_hub_does_not_carry),
        cmocka_unit_test(as_many_as_find_room_are_named),
        cmocka_unit_test(what_a_hub_has_narrowed),
    };
    return cmocka_run_group_tests_name("gate_dns_requests", tests, setup, NULL);
}
