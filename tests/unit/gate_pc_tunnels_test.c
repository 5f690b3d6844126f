/* The hubs of PCs' own tunnels: which addresses can be one, who begins a session by one, what is looked up anew then. */
#include "sni_verdicts.h"
#include "clock.h"
#include "ipc.h"
#include "lib/state_file.h"
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "gate_no_effects.h"
#include "said.h"

enum { BOX_SERVICE = 1, OWN = 2, OWN_TOO = 3 };
enum { OWN_NAME = 1, OWN_TOO_NAME = 2 }; /* ids */

static struct {
    struct conf conf;
    struct session session;
    struct admit admit;
    struct refusals refusals;
    struct dns_link dns;
    bool changed;
} gate;
static struct addr uplink;
static struct pc_tunnels pc_tunnels;
static struct sni_verdicts verdicts;
static int names; /* the far end of the line to `dns` */
static struct firewall_allow opened[FIREWALL_ALLOW_MAX];
static unsigned opened_count;
static char run[] = "/tmp/gate_pc_tunnels.XXXXXX";
static struct firewall_allow told[PC_TUNNELS_MAX]; /* what the kernel was told at the start */
static unsigned told_count;
static struct firewall_allow revoked[CONF_PORTS_MAX];
static unsigned revoked_count;
static bool kernel_fails;

static void tunnel(void *user, uint8_t service, const struct firewall_tunnel *t)
{
    (void)user;
    if (t && t->by_pc)
        pc_tunnels_resolve(&pc_tunnels, service);
}

static struct session_ops ops;

static int allow(const struct firewall_allow *list, unsigned count)
{
    memcpy(opened, list, count * sizeof *list);
    opened_count = count;
    return 0;
}

static enum msg_verdict open_name(unsigned id, const char *addr)
{
    struct admit_now then = {.generation = 77, .services_up = 7, .now_ms = clock_monotonic_ms()};
    struct msg_admit m = {.id = (uint16_t)id, .generation = 77, .timeout_s = 30, .count = 1, .addrs = {address(addr)}};
    snprintf(m.name, sizeof m.name, "%s", admit_rule(&gate.admit, id)->name);
    return admit_open(&gate.admit, &then, &m, allow);
}

static int refused(void)
{
    errno = ENOBUFS;
    return -1;
}

static int tell(const struct firewall_allow *list, unsigned count)
{
    if (kernel_fails)
        return refused();
    memcpy(told, list, count * sizeof *list);
    told_count = count;
    return 0;
}

static int take_back(const struct firewall_allow *list, unsigned count)
{
    if (kernel_fails)
        return refused();
    memcpy(revoked, list, count * sizeof *list);
    revoked_count = count;
    return 0;
}

/* A gate that starts. */
static void begin(void)
{
    pc_tunnels = (struct pc_tunnels){.admit = &gate.admit,
                                     .session = &gate.session,
                                     .dns = &gate.dns,
                                     .uplink = &uplink,
                                     .run = run,
                                     .tell = tell,
                                     .revoke = take_back};
    kernel_fails = false;
    assert_int_equal(pc_tunnels_init(&pc_tunnels), 0);
}

static int setup(void **state)
{
    int pair[2];
    char path[64];
    (void)state;
    memset(&gate.conf, 0, sizeof gate.conf);
    gate.conf.service_count = 3;
    struct conf_service *s = gate.conf.services;
    s[0] = (struct conf_service){.name = "gtol", .number = BOX_SERVICE, .remote_count = 1, .rule_count = 1};
    s[0].remote[0] = prefix("192.0.2.0/24");
    memcpy(s[0].hub, "8.8.8.8", sizeof "8.8.8.8");
    s[0].rules[0] = (struct conf_rule){"a.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 1, false, false};
    s[1] = (struct conf_service){.name = "nanbyo", .number = OWN, .by_pc = true, .rule_count = 1};
    s[1].rules[0] = (struct conf_rule){
        "vpn.example.jp", false, 2, {{IPPROTO_UDP, 500, false}, {IPPROTO_ESP, 0, false}}, 1, false, false};
    s[2] = (struct conf_service){.name = "shoman", .number = OWN_TOO, .by_pc = true, .rule_count = 1};
    s[2].rules[0] = (struct conf_rule){"vpn2.example.jp", false, 1, {{IPPROTO_UDP, 500, false}}, 1, false, false};
    gate.conf.site.lan_address = (struct prefix){address("203.0.113.1"), 28};
    snprintf(gate.conf.site.others, sizeof gate.conf.site.others, "all");
    gate.conf.site.host_count = 1;
    gate.conf.site.hosts[0] = (struct conf_host){.addr = address("192.168.77.20"), .service = "gtol"};
    admit_init(&gate.admit, &gate.conf);
    uplink = address("198.51.100.9");
    (void)snprintf(run, sizeof run, "/tmp/gate_pc_tunnels.XXXXXX");
    assert_non_null(mkdtemp(run));
    (void)snprintf(path, sizeof path, "%s/gate", run);
    assert_int_equal(mkdir(path, 0700), 0);
    begin();
    verdicts = (struct sni_verdicts){.session = &gate.session,
                                     .admit = &gate.admit,
                                     .refusals = &gate.refusals,
                                     .pc_tunnels = &pc_tunnels,
                                     .changed = &gate.changed};
    ops = no_effects;
    ops.tunnel = tunnel;
    session_init(&gate.session, &gate.conf, &ops, &gate);
    gate.session.state = SESSION_IDLE;
    gate.session.charon = gate.session.wan = true;
    if (ipc_pair(pair) < 0)
        return -1;
    gate.dns.sock = pair[0];
    names = pair[1];
    return 0;
}

static int teardown(void **state)
{
    char command[64];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", run);
    assert_int_equal(system(command), 0);
    close(names);
    return close(gate.dns.sock);
}

static void which_address_can_be_a_hub(void **state)
{
    (void)state;
    static const char *const never[] = {"10.1.2.3",    "172.16.0.1",   "192.168.1.1", "100.64.0.1", "127.0.0.1",
                                        "169.254.1.1", "224.0.0.1",    "0.0.0.0",     "192.0.2.7",  "203.0.113.1",
                                        "203.0.113.9", "198.51.100.9", "2001:db8::1"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_int_equal(open_name(OWN_NAME, never[i]), ADMIT_FORBIDDEN);
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    assert_int_equal(opened_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(opened[i].by_pc);
        assert_int_equal(opened[i].service, OWN);
        assert_int_equal(opened[i].timeout_s, ADMIT_TIMEOUT_MAX_S); /* a tunnel outlives the answer's time */
    }
    assert_int_equal(opened[1].proto, IPPROTO_ESP);
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.4"), ADMIT_FORBIDDEN); /* one address, one service */
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.5"), ADMIT_OK);
}

/* The box's own tunnel has its hub, whichever of the two was there first. */
static void the_hub_of_a_box_tunnel_is_no_pcs(void **state)
{
    struct firewall_tunnel *box = &gate.session.services[BOX_SERVICE].tunnel;
    (void)state;
    assert_int_equal(open_name(OWN_NAME, "8.8.8.8"), ADMIT_FORBIDDEN); /* as its file says */
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    assert_int_equal(open_name(OWN_NAME, "8.8.4.5"), ADMIT_OK);
    struct addr hub = address("8.8.4.4");
    assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), 0);
    assert_int_equal(revoked_count, 2); /* udp/500 and ESP */
    for (unsigned i = 0; i < 2; i++) {
        assert_true(revoked[i].by_pc && addr_equal(&revoked[i].addr, &hub));
        assert_int_equal(revoked[i].service, OWN);
    }
    assert_int_equal(revoked[1].proto, IPPROTO_ESP);
    *box = (struct firewall_tunnel){.service = BOX_SERVICE, .hub = hub};
    gate.session.services[BOX_SERVICE].up = true;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_FORBIDDEN);
    gate.session.services[BOX_SERVICE].up = false;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_FORBIDDEN); /* it will be again */
    revoked_count = 0;
    hub = address("8.8.4.6");
    assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), 0); /* nobody's */
    assert_int_equal(revoked_count, 0);
    begin(); /* nor does the file have it */
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].addr.bytes[3], 5);
}

/* What is not taken back is so until it is: each attempt says it, not only the first. */
static void what_is_not_taken_back_stays_an_error(void **state)
{
    struct addr hub = address("8.8.4.4");
    char path[64], away[64];
    (void)state;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    kernel_fails = true;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), -1);
        assert_int_equal(errno, ENOBUFS);
    }
    kernel_fails = false;
    (void)snprintf(path, sizeof path, "%s/gate", run);
    (void)snprintf(away, sizeof away, "%s/away", run);
    assert_int_equal(rename(path, away), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), -1);
        assert_int_equal(errno, ENOENT);
    }
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), 0);
    begin();
    assert_int_equal(told_count, 0);
}

static void begins(const char *client, const char *server)
{
    struct msg m = {.head = {.type = MSG_BLOCKED},
                    .u.blocked = {.reason = "pc-begins", .proto = IPPROTO_UDP, .port = 500, .count = 1}};
    m.u.blocked.client = address(client);
    m.u.blocked.server = address(server);
    sni_verdicts_ops.message(&verdicts, &m);
}

static bool up(uint8_t service)
{
    return gate.session.services[service].up;
}

static void the_first_packet_begins_a_session(void **state)
{
    (void)state;
    struct msg m;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.7"), ADMIT_OK);
    begins("192.168.77.10", "8.8.4.5"); /* nobody's hub */
    assert_int_equal(gate.session.state, SESSION_IDLE);
    begins("192.168.77.20", "8.8.4.4"); /* bound to another service */
    assert_int_equal(gate.session.state, SESSION_IDLE);
    begins("192.168.77.10", "8.8.4.4");
    assert_true(up(OWN));
    assert_false(up(OWN_TOO));
    int fd = -1;
    assert_true(ipc_recv(names, ROLE_DNS, &m, &fd) == IPC_OK); /* the address opens by an answer, not from memory */
    assert_int_equal(m.head.type, MSG_RESOLVE);
    assert_int_equal(m.u.resolve.id, OWN_NAME);
    assert_string_equal(m.u.resolve.name, "vpn.example.jp");
    assert_true(ipc_recv(names, ROLE_DNS, &m, &fd) == IPC_AGAIN); /* nor is any of another service's asked for */
}

static void it_is_known_for_a_day(void **state)
{
    (void)state;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    pc_tunnels.hubs[0].until_ms = 1; /* over */
    begins("192.168.77.10", "8.8.4.4");
    assert_int_equal(gate.session.state, SESSION_IDLE);
}

/* None gives way to another: the kernel would have it, and nothing would begin by it. */
static void a_name_has_few(void **state)
{
    char text[16];
    (void)state;
    for (unsigned i = 0; i < PC_TUNNELS_NAME_MAX; i++) {
        (void)snprintf(text, sizeof text, "8.8.5.%u", i);
        assert_int_equal(open_name(OWN_NAME, text), ADMIT_OK);
    }
    opened_count = 0;
    said_begin();
    enum msg_verdict verdict = open_name(OWN_NAME, "8.8.6.1");
    const char *said = said_end();
    assert_int_equal(verdict, ADMIT_KERNEL);
    assert_int_equal(opened_count, 0);
    assert_contains(said, "limit table=\"open addresses\" times=1 cause=\"pc-hub-unanswered\"");
    assert_int_equal(open_name(OWN_NAME, "8.8.5.3"), ADMIT_OK); /* one of its own again */
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.6.1"), ADMIT_OK); /* another name has its own places */
    begins("192.168.77.10", "8.8.5.0"); /* the first of them */
    assert_true(up(OWN));
}

/* One more is opened nowhere, nor known to the kernel alone. The file holds all of a full table. */
static void a_full_table_takes_no_more(void **state)
{
    uint64_t until_ms = clock_monotonic_ms() + 3600000;
    (void)state;
    for (unsigned i = 0; i < PC_TUNNELS_MAX - 1; i++) {
        struct addr a = address("8.9.0.1");
        a.bytes[2] = (uint8_t)(i / 256);
        a.bytes[3] = (uint8_t)i;
        pc_tunnels.hubs[i] = (struct pc_tunnels_hub){a, OWN_NAME, until_ms};
    }
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.4"), ADMIT_OK);
    opened_count = 0;
    said_begin();
    enum msg_verdict verdict = open_name(OWN_TOO_NAME, "8.8.4.5");
    assert_contains(said_end(), "cause=\"pc-hub-unanswered\"");
    assert_int_equal(verdict, ADMIT_KERNEL);
    assert_int_equal(opened_count, 0);
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.4"), ADMIT_OK); /* what is known is known */
    begin();
    assert_int_equal(told_count, PC_TUNNELS_MAX);
}

/* Without the kernel's knowledge of them, packets to them would pass outside of sessions. */
static void a_start_that_the_kernel_refuses_fails(void **state)
{
    (void)state;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    kernel_fails = true;
    assert_int_equal(pc_tunnels_init(&pc_tunnels), -1);
    assert_int_equal(errno, ENOBUFS);
    begin(); /* all of it is there yet */
    assert_int_equal(told_count, 1);
}

/* Still in the kernel, the hub is still a PC's here; and whoever raises the tunnel hears of it. */
static void a_hub_that_the_kernel_keeps_is_kept(void **state)
{
    struct addr hub = address("8.8.4.4");
    (void)state;
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    kernel_fails = true;
    assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), -1);
    assert_int_equal(errno, ENOBUFS);
    begin();
    assert_int_equal(told_count, 1);
    assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), 0);
    begin();
    assert_int_equal(told_count, 0);
}

/* Not in the file, it would be unknown to the next gate: so it is not opened. */
static void what_cannot_be_kept_is_not_opened(void **state)
{
    char path[64], away[64];
    struct addr hub = address("8.8.4.4");
    (void)state;
    (void)snprintf(path, sizeof path, "%s/gate", run);
    (void)snprintf(away, sizeof away, "%s/away", run);
    opened_count = 0;
    assert_int_equal(rename(path, away), 0);
    for (unsigned i = 0; i < 2; i++) /* nor the second time */
        assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_KERNEL);
    assert_int_equal(opened_count, 0);
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    begin();
    assert_int_equal(told_count, 1);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(pc_tunnels_box_hub(&pc_tunnels, &hub), -1); /* the next gate would take it for a PC's */
    assert_int_equal(rename(away, path), 0);
}

static void an_earlier_gate_has_left_it(void **state)
{
    (void)state;
    assert_int_equal(told_count, 0);
    assert_int_equal(open_name(OWN_NAME, "8.8.4.4"), ADMIT_OK);
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.5"), ADMIT_OK);
    begin();
    assert_int_equal(told_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(told[i].by_pc && told[i].timeout_s > ADMIT_TIMEOUT_MAX_S - 60);
        assert_true(told[i].timeout_s <= ADMIT_TIMEOUT_MAX_S + 60);
        assert_int_equal(told[i].service, OWN + i);
    }
    assert_int_equal(open_name(OWN_TOO_NAME, "8.8.4.4"), ADMIT_FORBIDDEN);
    begins("192.168.77.10", "8.8.4.4");
    assert_true(up(OWN));
    /* The service file lists the name no longer. */
    gate.conf.services[2].by_pc = false;
    begin();
    assert_int_equal(told_count, 1);
}

static void a_strange_file_is_no_list(void **state)
{
    static const char *const bad[] = {"8.8.4.4\n", "8.8.4.4 vpn.example.jp\n", "8.8.4.4 vpn.example.jp x\n",
                                      "8.8.4 vpn.example.jp 99999999999\n", "::1 vpn.example.jp 99999999999\n"};
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/gate/pc-hubs", run);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(publish_text(path, bad[i], strlen(bad[i])), 0);
        assert_int_equal(pc_tunnels_init(&pc_tunnels), -1);
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(which_address_can_be_a_hub),
        CASE(the_hub_of_a_box_tunnel_is_no_pcs),
        CASE(what_is_not_taken_back_stays_an_error),
        CASE(the_first_packet_begins_a_session),
        CASE(it_is_known_for_a_day),
        CASE(a_name_has_few),
        CASE(a_full_table_takes_no_more),
        CASE(a_start_that_the_kernel_refuses_fails),
        CASE(a_hub_that_the_kernel_keeps_is_kept),
        CASE(what_cannot_be_kept_is_not_opened),
        CASE(an_earlier_gate_has_left_it),
        CASE(a_strange_file_is_no_list),
    };
    return cmocka_run_group_tests_name("gate_pc_tunnels", tests, NULL, NULL);
}
