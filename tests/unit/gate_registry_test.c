/* What is learned of a registry whose hub carries everything: parts of it, told once, kept over gate's end; and what never. */
#include "admit.h"
#include "registry.h"
#include "test.h"

#include "addr.h"
#include "said.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct conf conf;
static struct session session;
static struct registry r;
static char run[] = "/tmp/gate_registry.XXXXXX";
static char told[4096]; /* what the kernel was told last, as text */
static unsigned told_times;
static bool kernel_fails;

static int tell(const struct firewall_range *list, unsigned count)
{
    char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];
    size_t len = 0;
    told_times++;
    if (kernel_fails) {
        errno = ENOBUFS;
        return -1;
    }
    told[0] = 0;
    for (unsigned i = 0; i < count && len < sizeof told - 128; i++)
        len += (size_t)snprintf(told + len, sizeof told - len, "%s%s-%s:%u", i ? " " : "",
                                addr_text(&list[i].first, first, sizeof first),
                                addr_text(&list[i].last, last, sizeof last), list[i].service);
    return 0;
}

static void begin(void)
{
    memset(&r, 0, sizeof r);
    r.conf = &conf;
    r.session = &session;
    r.run = run;
    r.tell = tell;
    kernel_fails = false;
    assert_int_equal(registry_init(&r), 0);
}

static int setup(void **state)
{
    char path[64];
    (void)state;
    memset(&conf, 0, sizeof conf);
    memset(&session, 0, sizeof session);
    conf.site.lan_address = (struct prefix){address("192.168.77.1"), 24};
    conf.service_count = 1;
    conf.services[0] = (struct conf_service){.number = 3, .remote_count = 1, .resolver = address("10.20.0.53")};
    conf.services[0].remote[0] = prefix("0.0.0.0/0");
    (void)snprintf(run, sizeof run, "/tmp/gate_registry.XXXXXX");
    assert_non_null(mkdtemp(run));
    (void)snprintf(path, sizeof path, "%s/gate", run);
    assert_int_equal(mkdir(path, 0700), 0);
    begin();
    return 0;
}

static int teardown(void **state)
{
    char command[64];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", run);
    return system(command);
}

/* What the kernel is told of this network; "": nothing. */
static const char *learned(const char *network)
{
    struct prefix p = prefix(network);
    told[0] = 0;
    assert_int_equal(registry_learn(&r, &p), 0);
    return told;
}

static void the_resolver_is_known_from_the_start(void **state)
{
    (void)state;
    assert_string_equal(told, "10.20.0.53-10.20.0.53:3");
    assert_string_equal(learned("10.20.0.53/32"), "");
}

static void each_part_is_told_once(void **state)
{
    (void)state;
    assert_string_equal(learned("203.0.113.80/32"), "203.0.113.80-203.0.113.80:3");
    assert_string_equal(learned("203.0.113.80/32"), "");
    assert_string_equal(learned("203.0.113.81/32"), "203.0.113.81-203.0.113.81:3"); /* next to it: a part of its own */
    /* A network around what is known: what lies between, before and behind. */
    assert_string_equal(learned("203.0.113.80/30"), "203.0.113.82-203.0.113.83:3");
    assert_string_equal(learned("10.20.0.0/16"), "10.20.0.0-10.20.0.52:3 10.20.0.54-10.20.255.255:3");
    assert_string_equal(learned("10.20.7.7/32"), "");
    assert_string_equal(learned("10.0.0.0/8"), "10.0.0.0-10.19.255.255:3 10.21.0.0-10.255.255.255:3");
    assert_string_equal(learned("255.255.255.255/32"), "255.255.255.255-255.255.255.255:3");
    assert_string_equal(learned("255.255.255.0/24"), "255.255.255.0-255.255.255.254:3");
    assert_string_equal(learned("fd00:20::5/128"), "fd00:20::5-fd00:20::5:3");
    assert_string_equal(learned("fd00:20::/126"), "fd00:20::-fd00:20::3:3");
    assert_string_equal(learned("fd00:20::/125"), "fd00:20::4-fd00:20::4:3 fd00:20::6-fd00:20::7:3");
    for (unsigned i = 1; i < r.count; i++) /* in order, and none overlaps another */
        assert_true(r.list[i - 1].first.family < r.list[i].first.family ||
                    memcmp(r.list[i - 1].last.bytes, r.list[i].first.bytes, 16) < 0);
}

static void what_the_kernel_does_not_take_is_not_known(void **state)
{
    struct prefix p = prefix("203.0.113.80/32");
    (void)state;
    kernel_fails = true;
    assert_int_equal(registry_learn(&r, &p), -1);
    assert_int_equal(errno, ENOBUFS);
    kernel_fails = false;
    assert_string_equal(learned("203.0.113.80/32"), "203.0.113.80-203.0.113.80:3");
}

/* Nothing is forgotten for what is new: that is not opened. */
static void a_full_table_takes_no_more(void **state)
{
    struct prefix p = prefix("198.18.0.0/32"), more = prefix("203.0.113.80/32");
    (void)state;
    for (unsigned i = 0; i < REGISTRY_MAX - REGISTRY_RESERVED - 1; i++) {
        p.addr.bytes[2] = (uint8_t)(i / 128);
        p.addr.bytes[3] = (uint8_t)(2 * (i % 128));
        assert_int_equal(registry_learn(&r, &p), 0);
    }
    unsigned before = told_times;
    said_begin();
    int result = registry_learn(&r, &more), why = errno;
    const char *said = said_end();
    assert_int_equal(result, -1);
    assert_int_equal(why, ENOSPC);
    assert_contains(said, "limit table=\"registry addresses\" times=1 cause=\"registry-address-unanswered\"");
    assert_int_equal(told_times, before);
    assert_int_equal(registry_learn(&r, &p), 0); /* what is known is known */
    assert_int_equal(r.limited, 1);
}

static void an_earlier_gate_has_left_it(void **state)
{
    (void)state;
    assert_string_equal(learned("203.0.113.80/32"), "203.0.113.80-203.0.113.80:3");
    assert_string_equal(learned("10.21.0.0/16"), "10.21.0.0-10.21.255.255:3");
    begin();
    assert_string_equal(learned("203.0.113.80/32"), "");
    assert_string_equal(learned("10.21.8.8/32"), "");
    assert_int_equal(r.count, 3);
    /* The resolver is another one now, and one of what was known. */
    conf.services[0].resolver = address("10.21.0.53");
    begin();
    assert_string_equal(learned("10.21.0.0/16"), "");
    assert_string_equal(learned("10.20.0.53/32"), "");
    assert_int_equal(r.count, 3); /* as the kernel may have them still */
    /* A service with networks of its own needs none of it. */
    conf.services[0].remote[0] = prefix("10.20.0.0/16");
    begin();
    assert_int_equal(r.service, 0);
    assert_int_equal(r.count, 0);
}

static void what_is_left_and_cannot_be_read_ends_gate(void **state)
{
    static const char *const wrong[] = {"10.0.0.1\n", "10.0.0.2 10.0.0.1\n", "10.0.0.1 fd00::1\n", "x y\n"};
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/gate/registry", run);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(wrong[i], f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(registry_init(&r), -1);
    }
}

static void put(const char *kept)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/gate/registry", run);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(kept, f);
    (void)fclose(f);
}

static void assert_kept(const char *wanted)
{
    char path[64], is[512] = "";
    (void)snprintf(path, sizeof path, "%s/gate/registry", run);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t len = fread(is, 1, sizeof is - 1, f);
    (void)fclose(f);
    assert_true(len > 0);
    assert_string_equal(is, wanted);
}

/* A start that fails, at whatever place, forgets nothing: the next one fails as well, or has all of it. */
static void a_start_that_fails_forgets_nothing(void **state)
{
    static const char broken[] = "203.0.113.80 203.0.113.80\nx y\n203.0.113.90 203.0.113.90\n";
    static const char good[] = "203.0.113.80 203.0.113.80\n203.0.113.90 203.0.113.90\n203.0.113.99 203.0.113.99\n";
    (void)state;
    put(broken);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(registry_init(&r), -1);
        assert_int_equal(errno, EBADMSG);
        assert_kept(broken);
    }
    put(good);
    kernel_fails = true;
    assert_int_equal(registry_init(&r), -1);
    assert_int_equal(errno, ENOBUFS);
    assert_kept(good);
    unsigned before = told_times;
    begin();
    assert_int_equal(told_times, before + 1);
    assert_int_equal(r.count, 4);
    assert_kept("10.20.0.53 10.20.0.53\n203.0.113.80 203.0.113.80\n203.0.113.90 203.0.113.90\n"
                "203.0.113.99 203.0.113.99\n");
}

/* Answers do not fill the table so far that another resolver would have no room when gate is started again. */
static void another_resolver_has_room_in_a_full_table(void **state)
{
    struct prefix p = prefix("198.18.0.0/32");
    (void)state;
    for (unsigned i = 0; i < REGISTRY_MAX - REGISTRY_RESERVED - 1; i++) {
        p.addr.bytes[2] = (uint8_t)(i / 128);
        p.addr.bytes[3] = (uint8_t)(2 * (i % 128));
        assert_int_equal(registry_learn(&r, &p), 0);
    }
    conf.services[0].resolver = address("10.20.0.54");
    begin();
    assert_int_equal(r.count, REGISTRY_MAX - REGISTRY_RESERVED + 1);
    begin();
    assert_int_equal(r.count, REGISTRY_MAX - REGISTRY_RESERVED + 1);
}

/* Not in the file, it would be unknown to the next gate: so it is not opened. */
static void what_cannot_be_kept_is_not_learned(void **state)
{
    struct prefix p = prefix("203.0.113.80/32");
    char path[64], away[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/gate", run);
    (void)snprintf(away, sizeof away, "%s/away", run);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(registry_learn(&r, &p), -1);
    assert_int_equal(registry_learn(&r, &p), -1);
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(registry_learn(&r, &p), 0);
    begin();
    assert_string_equal(learned("203.0.113.80/32"), "");
}

static void what_the_box_needs_itself_is_never_the_registrys(void **state)
{
    static const char *const never[] = {"192.168.77.9/32", "192.168.0.0/16",  "198.51.100.77/32", "198.51.100.0/25",
                                        "203.0.113.1/32",  "203.0.113.53/32", "203.0.113.123/32", "203.0.113.10/32",
                                        "203.0.113.0/24",  "203.0.113.20/32", "203.0.113.124/32"};
    struct state_watch_wan uplink = {.up = true,
                                     .address = address("198.51.100.7"),
                                     .gateway = address("203.0.113.1"), /* not of its network: such lines are */
                                     .network = {address("198.51.100.7"), 24},
                                     .dns_count = 1,
                                     .dns = {address("203.0.113.53")},
                                     .ntp_count = 1,
                                     .ntp = {address("203.0.113.123")}};
    (void)state;
    registry_uplink(&r, &uplink);
    registry_uplink(&r, &(struct state_watch_wan){0}); /* it is down now */
    session.services[3] = (struct session_service){.up = true, .tunnel = {.hub = address("203.0.113.10")}};
    (void)snprintf(conf.site.est_host, sizeof conf.site.est_host, "203.0.113.20");
    conf.site.ntp_count = 1;
    (void)snprintf(conf.site.ntp[0], sizeof conf.site.ntp[0], "203.0.113.124");
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        struct prefix p = prefix(never[i]);
        if (registry_may(&r, &p))
            fail_msg("%s may be the registry's", never[i]);
    }
    struct addr good = address("203.0.113.80"), beside = address("203.0.113.79"), inner = address("fd00::1");
    assert_true(registry_may_open(&r, &good));
    assert_false(registry_knows(&r, &good));
    assert_int_equal(registry_learn_open(&r, &good), 0);
    assert_true(registry_knows(&r, &good));
    assert_false(registry_knows(&r, &beside) || registry_knows(&r, &inner));
}

/* As the session ends, or without any: the hub is what it was, and the next tunnel needs it. */
static void the_hub_is_never_the_registrys(void **state)
{
    struct addr hub = address("203.0.113.10"), good = address("203.0.113.80");
    (void)state;
    registry_uplink(&r, &(struct state_watch_wan){.address = address("198.51.100.7")});
    /* By its name: until there was a tunnel to it any address may be its. */
    (void)snprintf(conf.services[0].hub, sizeof conf.services[0].hub, "hub.example.jp");
    assert_false(registry_may_open(&r, &hub));
    assert_false(registry_may_open(&r, &good));
    session.services[3] = (struct session_service){.up = false, .tunnel = {.hub = hub}};
    assert_false(registry_may_open(&r, &hub));
    assert_true(registry_may_open(&r, &good));
    /* By its address. */
    session.services[3] = (struct session_service){0};
    (void)snprintf(conf.services[0].hub, sizeof conf.services[0].hub, "203.0.113.10");
    assert_false(registry_may_open(&r, &hub));
    assert_true(registry_may_open(&r, &good));
}

/* What `dns` says of a listed name while no session is on: learned, but not the hub. */
static void a_stale_answer_does_not_take_the_hub(void **state)
{
    static struct admit admit;
    struct admit_now idle = {.may = registry_may_open, .learn = registry_learn_open, .registry = &r};
    struct msg_admit m = {.name = "www.registry.example", .timeout_s = 30, .count = 2};
    struct firewall_allow list[FIREWALL_ALLOW_MAX];
    unsigned count;
    (void)state;
    conf.services[0].rule_count = 1;
    conf.services[0].rules[0] = (struct conf_rule){.name = "www.registry.example", .port_count = 1};
    registry_uplink(&r, &(struct state_watch_wan){.address = address("198.51.100.7")});
    session.services[3] = (struct session_service){.up = false, .tunnel = {.hub = address("203.0.113.10")}};
    m.addrs[0] = address("203.0.113.10");
    m.addrs[1] = address("203.0.113.80");
    admit_init(&admit, &conf);
    assert_int_equal(admit_prepare(&admit, &idle, &m, list, &count), ADMIT_STALE);
    assert_string_equal(told, "203.0.113.80-203.0.113.80:3");
    assert_string_equal(learned("203.0.113.10/32"), "203.0.113.10-203.0.113.10:3"); /* was not known */
}

/* An answer before the first lease may name the router that the lease will name. */
static void before_the_line_has_an_address_nothing_is_the_registrys(void **state)
{
    struct addr router = address("198.51.100.1"), good = address("203.0.113.80");
    (void)state;
    (void)snprintf(conf.services[0].hub, sizeof conf.services[0].hub, "203.0.113.10");
    assert_false(registry_may_open(&r, &router));
    assert_false(registry_may_open(&r, &good));
    registry_uplink(&r, &(struct state_watch_wan){.address = address("198.51.100.7"), .gateway = router});
    assert_false(registry_may_open(&r, &router));
    assert_true(registry_may_open(&r, &good));
}

static struct ike_sa tunnel_with(const char *vip, const char *const networks[], unsigned count)
{
    struct ike_sa sa = {.child = 1, .vip4 = address(vip), .hub = address("203.0.113.10"), .remote_count = count};
    for (unsigned i = 0; i < count; i++)
        sa.remote[i] = prefix(networks[i]);
    return sa;
}

/* What it has lent and what it has narrowed the tunnel to; but not everything, nor what the box needs. */
static void a_hub_tells_of_its_own_networks(void **state)
{
    static const char *const all[] = {"0.0.0.0/0"};
    static const char *const some[] = {"10.21.0.0/16", "64.0.0.0/2", "127.0.0.0/8"}, *const more[] = {"10.22.0.0/16"};
    struct ike_sa sa = tunnel_with("10.99.0.2", all, 1);
    (void)state;
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    assert_string_equal(told, "10.99.0.2-10.99.0.2:3");
    sa = tunnel_with("10.99.0.2", some, 3);
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    assert_string_equal(told, "10.21.0.0-10.21.255.255:3");
    assert_int_equal(r.count, 3);
    sa = tunnel_with("10.99.0.2", more, 1);
    assert_int_equal(registry_tunnel(&r, 4, &sa), CAUSE_NONE); /* another service's says nothing of this one */
    assert_int_equal(r.count, 3);
}

/* One address of the box's own inside does not leave the rest of the network unguarded. */
static void of_a_network_what_the_box_needs_is_left_out(void **state)
{
    static const char *const around[] = {"192.168.0.0/16", "203.0.113.0/24"};
    struct ike_sa sa = tunnel_with("10.99.0.2", around, 2);
    static const char *const in[] = {"192.168.0.1/32", "192.168.76.255/32", "192.168.78.0/32", "203.0.113.9/32",
                                     "203.0.113.11/32"};
    (void)state;
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        assert_string_equal(learned(in[i]), "");
    assert_string_equal(learned("192.168.77.0/24"), "192.168.77.0-192.168.77.255:3");
    assert_string_equal(learned("203.0.113.10/32"), "203.0.113.10-203.0.113.10:3");
}

static void a_tunnel_that_cannot_be_guarded_is_none(void **state)
{
    static const char *const some[] = {"10.21.0.0/16"};
    struct ike_sa sa = tunnel_with("10.99.0.2", some, 1);
    (void)state;
    kernel_fails = true;
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_HUB_NETWORKS_UNGUARDED);
    assert_int_equal(registry_tunnel(&r, 4, &sa), CAUSE_NONE);
    kernel_fails = false;
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    kernel_fails = true; /* it is known */
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
}

/* A hub that lends another address each time, and carries other networks: neither ends for good what goes without. */
static void what_hubs_lend_does_not_fill_the_table(void **state)
{
    static const char *const all[] = {"0.0.0.0/0"}, *const some[] = {"10.21.0.0/16"};
    struct ike_sa sa = tunnel_with("10.99.0.0", all, 1);
    (void)state;
    for (unsigned i = 0; i < REGISTRY_MAX + 8; i++) {
        sa.vip4.bytes[2] = (uint8_t)(i / 100);
        sa.vip4.bytes[3] = (uint8_t)(1 + 2 * (i % 100));
        assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    }
    assert_true(r.limited > 0);
    /* What it carries has room still; and where that ends, another resolver has. */
    sa.remote_count = 1;
    sa.remote[0] = prefix(some[0]);
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    assert_string_equal(told, "10.21.0.0-10.21.255.255:3");
    enum cause_code why = CAUSE_NONE;
    for (unsigned i = 0; i < REGISTRY_MAX && why == CAUSE_NONE; i++) {
        sa.remote[0] = prefix("11.0.0.0/24");
        sa.remote[0].addr.bytes[1] = (uint8_t)(i / 256);
        sa.remote[0].addr.bytes[2] = (uint8_t)i;
        why = registry_tunnel(&r, 3, &sa);
    }
    assert_int_equal(why, CAUSE_HUB_NETWORKS_UNGUARDED);
    sa.remote[0] = prefix("0.0.0.0/0");
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE); /* one that carries everything goes on */
    conf.services[0].resolver = address("10.20.0.54");
    begin();
}

/* Whatever the service: its packets would be taken for the box's own on the line, or a neighbour's there for the box's. */
static void no_hub_lends_an_address_that_the_box_needs(void **state)
{
    static const char *const all[] = {"0.0.0.0/0"};
    static const char *const wrong[] = {"198.51.100.7", "198.51.100.1", "203.0.113.53", "203.0.113.123",
                                        "198.51.100.9", "203.0.113.20", "203.0.113.11"};
    struct state_watch_wan uplink = {.up = true,
                                     .address = address("198.51.100.7"),
                                     .gateway = address("198.51.100.1"),
                                     .network = {address("198.51.100.7"), 24},
                                     .dns_count = 1,
                                     .dns = {address("203.0.113.53")},
                                     .ntp_count = 1,
                                     .ntp = {address("203.0.113.123")}};
    struct ike_sa sa = tunnel_with("10.99.0.2", all, 1);
    (void)state;
    (void)snprintf(conf.site.est_host, sizeof conf.site.est_host, "203.0.113.20");
    (void)snprintf(conf.services[0].hub, sizeof conf.services[0].hub, "203.0.113.11"); /* not the one it comes from */
    registry_uplink(&r, &uplink);
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sa.vip4 = address(wrong[i]);
        assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_HUB_GAVE_WRONG_ADDRESS);
        assert_int_equal(registry_tunnel(&r, 4, &sa), CAUSE_HUB_GAVE_WRONG_ADDRESS);
    }
    /* Where no hub carries everything it is so too. */
    conf.services[0].remote[0] = prefix("10.20.0.0/16");
    begin();
    assert_int_equal(r.service, 0);
    registry_uplink(&r, &uplink);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sa.vip4 = address(wrong[i]);
        assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_HUB_GAVE_WRONG_ADDRESS);
    }
    sa.vip4 = address("10.99.0.2");
    assert_int_equal(registry_tunnel(&r, 3, &sa), CAUSE_NONE);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_resolver_is_known_from_the_start),
        CASE(each_part_is_told_once),
        CASE(what_the_kernel_does_not_take_is_not_known),
        CASE(a_full_table_takes_no_more),
        CASE(an_earlier_gate_has_left_it),
        CASE(what_is_left_and_cannot_be_read_ends_gate),
        CASE(a_start_that_fails_forgets_nothing),
        CASE(another_resolver_has_room_in_a_full_table),
        CASE(what_cannot_be_kept_is_not_learned),
        CASE(what_the_box_needs_itself_is_never_the_registrys),
        CASE(the_hub_is_never_the_registrys),
        CASE(a_stale_answer_does_not_take_the_hub),
        CASE(before_the_line_has_an_address_nothing_is_the_registrys),
        CASE(a_hub_tells_of_its_own_networks),
        CASE(of_a_network_what_the_box_needs_is_left_out),
        CASE(a_tunnel_that_cannot_be_guarded_is_none),
        CASE(what_hubs_lend_does_not_fill_the_table),
        CASE(no_hub_lends_an_address_that_the_box_needs),
    };
    return cmocka_run_group_tests_name("gate_registry", tests, NULL, NULL);
}
