/*
 * firewall.h against a real kernel: the shipped ruleset is loaded into its own network namespace, changed through
 * our functions and read back with nft. Needs root (the workshop has it) and runs in the checkout's top.
 */
#include "firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "addr.h"

static char listing[65536];

/* What `nft list ARGS` prints, white space squeezed to single blanks. */
static const char *listed(const char *args)
{
    char command[128];
    snprintf(command, sizeof command, "nft list %s 2>&1 | tr -s ' \\t\\n' ' '", args);
    FILE *f = popen(command, "r");
    size_t n = fread(listing, 1, sizeof listing - 1, f);
    listing[n] = 0;
    pclose(f);
    return listing;
}

static void assert_shows(const char *args, const char *text)
{
    if (!strstr(listed(args), text))
        fail_msg("`nft list %s` does not show `%s` but:\n%s", args, text, listing);
}

static void assert_hides(const char *args, const char *text)
{
    if (strstr(listed(args), text))
        fail_msg("`nft list %s` still shows `%s`:\n%s", args, text, listing);
}

/* Of the only element of this set. nft prints 1m2s3ms, and leaves out what is nought. */
static double seconds_left(const char *set)
{
    char args[64];
    snprintf(args, sizeof args, "set inet sekisho %s", set);
    const char *at = strstr(listed(args), "expires ");
    assert_non_null(at);
    at += strlen("expires ");
    double seconds = 0;
    for (char *end; at[0] >= '0' && at[0] <= '9'; at = end) {
        double n = strtod(at, &end);
        bool thousandth = strncmp(end, "ms", 2) == 0;
        seconds += thousandth ? n / 1000 : *end == 'm' ? n * 60 : n;
        end += thousandth ? 2 : 1;
    }
    return seconds;
}

static int load(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) < 0) {
        fprintf(stderr, "no network namespace: %s (this test needs root)\n", strerror(errno));
        return -1;
    }
    return system("scripts/firewall-cat | sed 's/queue to .*/drop/' | nft -f -") || firewall_open() ? -1 : 0;
}

static int unload(void **state)
{
    (void)state;
    firewall_close();
    return 0;
}

/* Not as one text, as the tests load it, but as boot does: the file, from any folder, with its includes beside it. */
static void as_the_box_loads_it(void **state)
{
    static const char script[] =
        "set -e; export top=$PWD; t=$(mktemp -d); trap 'rm -rf $t' EXIT; mkdir $t/firewall; "
        "sed -n 's,^file \\(configs/firewall.*\\) /etc/sekisho/\\(firewall.*\\),\\1 \\2,p' rootfs/tree | "
        "while read -r from to; do sed 's/queue to .*/drop/' $from >$t/$to; done; cd /; "
        "rules() { unshare -n sh -c \"$1 && nft -s list ruleset\" | sed 's/ # handle .*//'; }; "
        "rules 'cd $top && scripts/firewall-cat | sed \"s/queue to .*/drop/\" | nft -f -' >$t/one; "
        "rules \"nft -f $t/firewall.nft\" >$t/box; "
        "test -s $t/one; cmp $t/one $t/box";
    (void)state;
    assert_int_equal(system(script), 0);
}

static void loads_closed(void **state)
{
    (void)state;
    assert_shows("map inet sekisho mode", "\"lan0\" : jump closed");
    assert_shows("map inet sekisho mode", "\"wan0\" : jump closed");
    assert_hides("set inet sekisho live", "elements");
    static const char *const chains[] = {"input", "forward", "output"};
    for (unsigned i = 0; i < 3; i++) {
        char args[64];
        snprintf(args, sizeof args, "chain inet sekisho %s", chains[i]);
        assert_shows(args, "policy drop");
    }
}

static struct firewall_view session_view(void)
{
    struct firewall_view v = {.mode = MODE_SESSION, .generation = 0x1ecafbad, .tunnel_count = 2};
    v.tunnels[0] = (struct firewall_tunnel){1, address("10.9.0.7"), address("fd00:9::7"), address("192.0.2.1"), false};
    v.tunnels[1] = (struct firewall_tunnel){8, address("10.10.0.7"), {0}, address("2001:db8::1"), false};
    return v;
}

static void session_and_back(void **state)
{
    (void)state;
    struct firewall_view v = session_view();
    assert_int_equal(firewall_apply(&v), 0);
    assert_shows("map inet sekisho mode", "\"lan0\" : jump session");
    assert_shows("map inet sekisho mode", "\"wan0\" : jump session_in");
    assert_shows("map inet sekisho generation", "\"lan0\" : 0x1ecafbad");
    assert_shows("set inet sekisho live", "{ 0x1ecafbad }");
    assert_shows("map inet sekisho asking_generation", "\"lan0\" : 0x9ecafbad");
    assert_shows("set inet sekisho asking", "{ 0x9ecafbad }");
    assert_shows("set inet sekisho agreed", "{ 0x5ecafbad }");
    assert_shows("set inet sekisho up", "elements = { 0x00000001, 0x00000008 }");
    assert_shows("map inet sekisho vip_v4", "0x00000001 : 10.9.0.7");
    assert_shows("map inet sekisho vip_v4", "0x00000008 : 10.10.0.7");
    assert_shows("map inet sekisho vip_v6", "{ 0x00000001 : fd00:9::7 }");
    assert_shows("set inet sekisho hubs_v4", "{ 192.0.2.1 }");
    assert_shows("set inet sekisho hubs_v6", "{ 2001:db8::1 }");

    /* sni goes, comes back, and is away when a session begins. */
    assert_int_equal(firewall_asking(0), 0);
    assert_hides("map inet sekisho asking_generation", "elements");
    assert_shows("set inet sekisho asking", "{ 0x9ecafbad }");
    assert_int_equal(firewall_asking(0x1ecafbad), 0);
    assert_shows("map inet sekisho asking_generation", "\"lan0\" : 0x9ecafbad");
    v.tls_waits = true;
    assert_int_equal(firewall_apply(&v), 0);
    assert_hides("map inet sekisho asking_generation", "elements");
    assert_shows("map inet sekisho generation", "\"lan0\" : 0x1ecafbad");

    struct firewall_view outside = {.mode = MODE_INTERNET, .generation = 7};
    assert_int_equal(firewall_apply(&outside), 0);
    assert_shows("map inet sekisho mode", "\"lan0\" : jump internet");
    assert_shows("map inet sekisho mode", "\"wan0\" : jump internet_in");
    assert_shows("set inet sekisho live", "{ 0x00000007 }");
    assert_hides("map inet sekisho vip_v4", "elements");
    assert_hides("set inet sekisho up", "elements");
    assert_hides("set inet sekisho dns_ask", "elements");
    outside.names_outside = true;
    assert_int_equal(firewall_apply(&outside), 0);
    assert_shows("set inet sekisho dns_ask", "{ \"wan0\" }");

    assert_int_equal(firewall_closed(), 0);
    assert_hides("set inet sekisho dns_ask", "elements");
    assert_shows("map inet sekisho mode", "\"lan0\" : jump closed");
    assert_shows("map inet sekisho mode", "\"wan0\" : jump closed");
    assert_hides("set inet sekisho live", "elements");
    assert_hides("map inet sekisho generation", "elements");
    assert_hides("map inet sekisho asking_generation", "elements");
    assert_hides("set inet sekisho asking", "elements");
    assert_hides("set inet sekisho agreed", "elements");
    assert_hides("set inet sekisho hubs_v4", "elements");
}

static void allow_adds_renews_and_is_emptied(void **state)
{
    (void)state;
    struct firewall_view v = session_view();
    assert_int_equal(firewall_apply(&v), 0);
    struct firewall_allow list[] = {
        {address("10.20.0.80"), IPPROTO_TCP, 443, 1, 33, false, false},
        {address("fd00:20::80"), IPPROTO_UDP, 123, 8, 90, false, false},
    };
    assert_int_equal(firewall_allow(list, 2), 0);
    assert_shows("set inet sekisho allow_v4", "10.20.0.80 . tcp . 443 . 0x00000001 timeout 33s");
    assert_shows("set inet sekisho allow_v6", "fd00:20::80 . udp . 123 . 0x00000008 timeout 1m30s");

    /* Adding it again gives the element a new time, longer or shorter. */
    list[0].timeout_s = 600;
    assert_int_equal(firewall_allow(list, 1), 0);
    assert_shows("set inet sekisho allow_v4", "timeout 10m expires");
    list[0].timeout_s = 1;
    assert_int_equal(firewall_allow(list, 1), 0);
    struct timespec wait = {1, 200000000};
    nanosleep(&wait, NULL);
    assert_hides("set inet sekisho allow_v4", "10.20.0.80");

    list[0] = (struct firewall_allow){address("10.20.0.80"), IPPROTO_TCP, 443, 1, 60, true, false};
    assert_int_equal(firewall_allow(list, 1), 0);
    assert_shows("set inet sekisho tls_v4", "10.20.0.80 . tcp . 443 . 0x00000001 timeout 1m");
    assert_hides("set inet sekisho allow_v4", "10.20.0.80");

    /*
     * The same time as before begins anew as well. (Without that what is left only shrinks, however often it is
     * tried.)
     */
    bool longer = false;
    for (unsigned i = 0; i < 5 && !longer; i++) {
        struct timespec second = {1, 500000000};
        nanosleep(&second, NULL);
        double before = seconds_left("tls_v4");
        assert_int_equal(firewall_allow(list, 1), 0);
        longer = seconds_left("tls_v4") > before;
    }
    assert_true(longer);

    v.keep_allow = true;
    assert_int_equal(firewall_apply(&v), 0);
    assert_shows("set inet sekisho allow_v6", "fd00:20::80");
    assert_shows("set inet sekisho tls_v4", "10.20.0.80");
    v.keep_allow = false;
    v.generation++;
    assert_int_equal(firewall_apply(&v), 0);
    assert_hides("set inet sekisho allow_v6", "fd00:20::80");
    assert_hides("set inet sekisho tls_v4", "10.20.0.80");
    assert_int_equal(firewall_closed(), 0);
}

/* As many as one transaction may have, in all four sets, some of them twice; and one element too many. */
static void many_in_one_transaction(void **state)
{
    (void)state;
    static struct firewall_allow list[FIREWALL_BATCH_MAX + 1];
    struct firewall_view v = session_view();
    assert_int_equal(firewall_apply(&v), 0);
    for (unsigned i = 0; i < FIREWALL_BATCH_MAX + 1; i++) {
        char text[32];
        snprintf(text, sizeof text, i & 1 ? "fd00:20::%x" : "10.20.0.%u", i % 200 + 1);
        list[i] = (struct firewall_allow){address(text), IPPROTO_TCP, (uint16_t)(1000 + i % 400), 1, 60, i & 2, false};
    }
    assert_int_equal(firewall_allow(list, FIREWALL_BATCH_MAX), 0);
    assert_shows("set inet sekisho allow_v4", "10.20.0.1 . tcp . 1000 .");
    assert_shows("set inet sekisho allow_v6", "fd00:20::2 . tcp . 1001 .");
    assert_shows("set inet sekisho tls_v4", "10.20.0.3 . tcp . 1002 .");
    assert_shows("set inet sekisho tls_v6", "fd00:20::4 . tcp . 1003 .");
    assert_shows("set inet sekisho tls_v6", "fd00:20::c8 . tcp . 1399 .");
    assert_int_equal(firewall_allow(list, FIREWALL_BATCH_MAX + 1), -1);
    assert_int_equal(errno, E2BIG);
    assert_int_equal(firewall_closed(), 0);
}

static void registry_prefixes(void **state)
{
    (void)state;
    static struct conf_service services[2];
    services[0] = (struct conf_service){.number = 1, .remote_count = 3};
    services[0].remote[0] = prefix("10.20.0.0/16");
    services[0].remote[1] = prefix("203.0.113.7/32");
    services[0].remote[2] = prefix("fd00:20::/33");
    services[1] = (struct conf_service){.number = 2, .remote_count = 2};
    services[1].remote[0] = prefix("10.21.0.0/16"); /* follows the first without a gap */
    services[1].remote[1] = prefix("255.255.255.0/24"); /* reaches the end */
    for (int i = 0; i < 2; i++) { /* again: left as they are */
        assert_int_equal(firewall_registry(services, 2), 0);
        assert_shows("map inet sekisho tunnel_v4", "10.20.0.0/16 : 0x00000001");
        assert_shows("map inet sekisho tunnel_v4", "203.0.113.7 : 0x00000001");
        assert_shows("map inet sekisho tunnel_v4", "10.21.0.0/16 : 0x00000002");
        assert_shows("map inet sekisho tunnel_v4", "255.255.255.0/24 : 0x00000002");
        assert_shows("map inet sekisho tunnel_v6", "fd00:20::/33 : 0x00000001");
    }
}

static struct firewall_range range(const char *first, const char *last)
{
    return (struct firewall_range){address(first), address(last), 3};
}

/* What was learned of a registry: next to each other, next to a prefix, at the ends; the same again is left alone. */
static void learned_ranges(void **state)
{
    (void)state;
    const struct firewall_range some[] = {range("10.50.0.2", "10.50.0.2"), range("10.50.0.1", "10.50.0.1"),
                                          range("10.50.0.3", "10.50.0.7"), range("10.22.0.0", "10.22.0.0"),
                                          range("fd00:50::1", "fd00:50::1")};
    assert_int_equal(system("nft flush map inet sekisho tunnel_v4"), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(firewall_known(some, 5), 0);
        assert_shows("map inet sekisho tunnel_v4", "10.50.0.1 : 0x00000003");
        assert_shows("map inet sekisho tunnel_v4", "10.50.0.2 : 0x00000003");
        assert_shows("map inet sekisho tunnel_v4", "10.50.0.3-10.50.0.7 : 0x00000003");
        assert_shows("map inet sekisho tunnel_v4", "10.22.0.0 : 0x00000003");
        assert_shows("map inet sekisho tunnel_v6", "fd00:50::1 : 0x00000003");
    }
    const struct firewall_range over = range("10.50.0.0", "10.50.0.4");
    assert_int_equal(firewall_known(&over, 1), -1);
    assert_hides("map inet sekisho tunnel_v4", "10.50.0.0");
    /* As many as there can be, with all that a view brings; and what opens brings them. */
    static struct firewall_range many[FIREWALL_KNOWN_MAX + 1];
    static struct conf_service all = {.number = 3, .remote_count = 1};
    all.remote[0] = prefix("0.0.0.0/0");
    for (unsigned i = 0; i < FIREWALL_KNOWN_MAX; i++) {
        many[i] = range(i % 2 ? "10.60.0.0" : "fd00:60::", i % 2 ? "10.60.0.0" : "fd00:60::");
        unsigned at = i % 2 ? 2 : 14;
        many[i].first.bytes[at] = many[i].last.bytes[at] = (uint8_t)(i >> 8);
        many[i].first.bytes[at + 1] = many[i].last.bytes[at + 1] = (uint8_t)i;
    }
    struct firewall_view v = {.mode = MODE_INTERNET,
                              .generation = 700,
                              .registry = &all,
                              .registry_count = 1,
                              .known = many,
                              .known_count = FIREWALL_KNOWN_MAX};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(firewall_apply(&v), 0);
        assert_shows("map inet sekisho tunnel_v4", "10.60.3.255 : 0x00000003");
        assert_shows("map inet sekisho tunnel_v6", "fd00:60::3fe : 0x00000003");
        assert_hides("map inet sekisho tunnel_v4", "0.0.0.0"); /* everything is nobody's */
        assert_int_equal(system("nft flush map inet sekisho tunnel_v4"), 0);
    }
    assert_int_equal(firewall_known(many, FIREWALL_KNOWN_MAX + 1), -1);
    assert_int_equal(errno, E2BIG);
    assert_int_equal(firewall_closed(), 0);
    assert_int_equal(system("nft flush map inet sekisho tunnel_v4; nft flush map inet sekisho tunnel_v6"), 0);
}

static struct conf hosts_conf(void)
{
    struct conf conf = {.service_count = 2};
    conf.services[0] = (struct conf_service){.name = "cancer", .number = 1};
    conf.services[1] = (struct conf_service){.name = "rare", .number = 5};
    conf.site.host_count = 3;
    conf.site.hosts[0] = (struct conf_host){address("192.168.77.20"), {2, 0, 0x5e, 0, 0, 0x20}, "cancer", 1};
    conf.site.hosts[1] = (struct conf_host){address("192.168.77.21"), {2, 0, 0x5e, 0, 0, 0x21}, "rare", 2};
    conf.site.hosts[2] = (struct conf_host){address("192.168.77.22"), {2, 0, 0x5e, 0, 0, 0x22}, "", 3};
    snprintf(conf.site.others, sizeof conf.site.others, "rare");
    return conf;
}

/* Whatever has happened to them meanwhile (a ruleset reloaded without gate): nothing is allowed without them. */
static void what_opens_brings_the_prefixes(void **state)
{
    (void)state;
    static struct conf_service service = {.number = 3, .remote_count = 1};
    assert_true(conf_parse_prefix("10.77.0.0/16", &service.remote[0]));
    struct firewall_view v = {.mode = MODE_INTERNET, .generation = 700, .registry = &service, .registry_count = 1};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(system("nft flush map inet sekisho tunnel_v4"), 0);
        assert_int_equal(firewall_apply(&v), 0);
        assert_shows("map inet sekisho tunnel_v4", "10.77.0.0/16 : 0x00000003");
        v.generation++;
    }
    /* Prefixes that the kernel does not take (they overlap): then nothing has opened. */
    static struct conf_service both = {.number = 3, .remote_count = 2};
    assert_true(conf_parse_prefix("10.77.0.0/16", &both.remote[0]) &&
                conf_parse_prefix("10.77.1.0/24", &both.remote[1]));
    assert_int_equal(firewall_closed(), 0);
    v.registry = &both;
    assert_int_equal(firewall_apply(&v), -1);
    assert_shows("map inet sekisho mode", "jump closed");
    assert_hides("map inet sekisho mode", "jump internet");
}

static void bound_hosts(void **state)
{
    (void)state;
    static struct conf conf;
    conf = hosts_conf();
    for (int i = 0; i < 2; i++) { /* again: left as they are */
        assert_int_equal(firewall_hosts(&conf), 0);
        assert_shows("set inet sekisho hosts", "02:00:5e:00:00:20");
        assert_shows("set inet sekisho hosts", "02:00:5e:00:00:22");
        assert_shows("set inet sekisho hosts_may", "02:00:5e:00:00:20 . 0x00000001");
        assert_shows("set inet sekisho hosts_may", "02:00:5e:00:00:21 . 0x00000005");
        assert_hides("set inet sekisho hosts_may", "02:00:5e:00:00:22");
        assert_shows("set inet sekisho hosts_at", "02:00:5e:00:00:22 . 192.168.77.22");
        assert_shows("set inet sekisho hosts_v4", "192.168.77.20");
        assert_shows("set inet sekisho unbound", "elements = { 0x00000005 }");
    }
    snprintf(conf.site.others, sizeof conf.site.others, "all");
    conf.site.host_count = 0;
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_shows("set inet sekisho unbound", "0x00000001");
    assert_shows("set inet sekisho unbound", "0x00000005");
    assert_hides("set inet sekisho hosts", "elements");
    assert_hides("set inet sekisho hosts_v4", "elements");
    snprintf(conf.site.others, sizeof conf.site.others, "none");
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_hides("set inet sekisho unbound", "elements");
    /* As many as there can be fit one transaction. */
    conf.site.host_count = CONF_HOSTS_MAX;
    for (unsigned i = 0; i < CONF_HOSTS_MAX; i++) {
        conf.site.hosts[i] = hosts_conf().site.hosts[0];
        conf.site.hosts[i].addr.bytes[3] = conf.site.hosts[i].mac[5] = (uint8_t)(i + 2);
    }
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_shows("set inet sekisho hosts_v4", "192.168.77.65");
    conf.site.host_count = 0;
    assert_int_equal(firewall_hosts(&conf), 0);
}

static void resolvers(void **state)
{
    (void)state;
    struct addr list[] = {address("192.0.2.53"), address("10.20.0.53"), address("2001:db8::53"), address("192.0.2.53")};
    assert_int_equal(firewall_resolvers(list, 4), 0); /* the same one twice is no mistake */
    assert_shows("set inet sekisho resolvers_v4", "10.20.0.53");
    assert_shows("set inet sekisho resolvers_v4", "192.0.2.53");
    assert_shows("set inet sekisho resolvers_v6", "2001:db8::53");
    assert_int_equal(firewall_resolvers(list, 0), 0);
    assert_hides("set inet sekisho resolvers_v4", "elements");
}

static uint64_t reason(const struct firewall_counters *c, const char *name)
{
    for (unsigned i = 0; i < c->reason_count; i++)
        if (!strcmp(c->reasons[i].name, name))
            return c->reasons[i].packets;
    fail_msg("there is no counter for the reason %s", name);
    return 0;
}

static void counters_and_conntrack(void **state)
{
    (void)state;
    struct firewall_counters c;
    assert_int_equal(firewall_counters(&c), 0);
    assert_int_equal(c.session_out, 0);
    assert_int_equal(c.blocked, 0);
    /* A PC that connects to a port of the box. */
    assert_int_equal(system(
                         "ip netns add pc 2>/dev/null; ip link add lan0 type veth peer name pc0 netns pc && "
                         "ip link set lan0 up && ip addr add 192.168.77.1/24 dev lan0 && ip -n pc link set pc0 up && "
                         "ip -n pc addr add 192.168.77.2/24 dev pc0"),
                     0);
    for (unsigned i = 0; i < 5 && c.blocked == 0; i++) { /* (a busy machine needs its time to learn the way) */
        assert_int_not_equal(system("ip netns exec pc nc -w1 -z 192.168.77.1 22"), 0);
        assert_int_equal(firewall_counters(&c), 0);
    }
    assert_int_equal(system("ip netns del pc"), 0);
    assert_true(c.blocked > 0);
    uint64_t sum = 0;
    for (unsigned i = 0; i < c.reason_count; i++)
        sum += c.reasons[i].odd ? 0 : c.reasons[i].packets;
    assert_int_equal(sum, c.blocked);
    assert_int_equal(reason(&c, "input-lan"), c.blocked);
    assert_int_equal(reason(&c, "not-listed"), 0);
    assert_int_equal(firewall_forget(0x1ecafbad), 0);
    assert_int_equal(firewall_forget_all(), 0);
    struct firewall_flow none = {address("192.168.77.2"), address("10.20.0.80"), 1025, 443};
    assert_int_equal(firewall_refuse(&none), -1);
    assert_int_equal(errno, ENOENT);
}

/* Without the rule set every function fails, none pretends. Last, for it unloads. */
static void without_rules_all_fails(void **state)
{
    (void)state;
    assert_int_equal(system("nft delete table inet sekisho"), 0);
    assert_int_equal(firewall_closed(), -1);
    assert_int_equal(errno, ENOENT);
    struct firewall_allow one = {address("10.20.0.80"), IPPROTO_TCP, 443, 1, 33, false, false};
    assert_int_equal(firewall_allow(&one, 1), -1);
    static struct conf_service service = {.number = 1, .remote_count = 1};
    service.remote[0] = prefix("10.20.0.0/16");
    assert_int_equal(firewall_registry(&service, 1), -1);
    struct firewall_counters counters = {.blocked = 7};
    assert_int_equal(firewall_counters(&counters), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(counters.blocked, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_box_loads_it),
        cmocka_unit_test(loads_closed),
        cmocka_unit_test(session_and_back),
        cmocka_unit_test(allow_adds_renews_and_is_emptied),
        cmocka_unit_test(many_in_one_transaction),
        cmocka_unit_test(registry_prefixes),
        cmocka_unit_test(learned_ranges),
        cmocka_unit_test(what_opens_brings_the_prefixes),
        cmocka_unit_test(bound_hosts),
        cmocka_unit_test(resolvers),
        cmocka_unit_test(counters_and_conntrack),
        cmocka_unit_test(without_rules_all_fails),
    };
    return cmocka_run_group_tests_name("gate_firewall_apply", tests, load, unload);
}
