/* A tunnel of the PC's own, by real packets: what passes to its hub in a session, and nothing else; before, after, and from whom. */
#include "gate_firewall_fixture.h"

#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/ioctl.h>

#define HUB SERVER
#define OTHER "203.0.113.7"
#define SERVICE 3

/* The first message of IKE: an initiator's SPI, and none of the responder's yet. Of all others both are there. */
static const uint8_t first_ike[32] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t later_ike[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9};
static const uint8_t esp[32] = {0xc1, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t keepalive[1] = {0xff};

static int pc_500, pc_4500, hub_500, hub_4500;

static int raw(int where, int proto)
{
    enter(where);
    int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
    enter(BOX);
    assert_true(fd >= 0);
    return fd;
}

static void put(int fd, const char *addr, int port, const void *data, size_t len)
{
    struct sockaddr_in to = at(addr, port);
    (void)!sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof to);
}

/* What comes next; from whom, or NULL. */
static void get(int fd, size_t len, struct sockaddr_in *from)
{
    uint8_t data[256];
    socklen_t from_len = sizeof *from;
    assert_true(readable(fd));
    assert_int_equal(recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)from, from ? &from_len : NULL), len);
}

static void session_of(uint32_t generation, uint8_t service)
{
    struct firewall_view v = {.mode = MODE_SESSION, .generation = generation, .tunnel_count = 1};
    v.tunnels[0] = (struct firewall_tunnel){.service = service, .by_pc = service == SERVICE};
    assert_int_equal(firewall_apply(&v), 0);
}

static void hub_elements(struct firewall_allow list[3])
{
    const struct firewall_allow parts[3] = {{.proto = IPPROTO_UDP, .port = 500},
                                            {.proto = IPPROTO_UDP, .port = 4500},
                                            {.proto = IPPROTO_ESP}};
    for (unsigned i = 0; i < 3; i++) {
        list[i] = parts[i];
        list[i].service = SERVICE;
        list[i].timeout_s = 600;
        list[i].by_pc = true;
        assert_true(conf_parse_addr(HUB, &list[i].addr));
    }
}

/* What an answer of the DNS for the hub's name opens. */
static void admitted(void)
{
    struct firewall_allow list[3];
    hub_elements(list);
    assert_int_equal(firewall_allow(list, 3), 0);
    assert_int_equal(firewall_allow(list, 3), 0); /* and again, as each answer does */
}

static void may(const char *others)
{
    static struct conf conf = {.service_count = 1};
    conf.services[0] = (struct conf_service){.number = SERVICE, .by_pc = true};
    strcpy(conf.services[0].name, "nanbyo");
    snprintf(conf.site.others, sizeof conf.site.others, "%s", others);
    assert_int_equal(firewall_hosts(&conf), 0);
}

static int setup(void **state)
{
    (void)state;
    (void)firewall_forget_all();
    may("all");
    pc_500 = bound(PC_NS, SOCK_DGRAM, PC, 500);
    pc_4500 = bound(PC_NS, SOCK_DGRAM, PC, 4500);
    hub_500 = bound(WAN_NS, SOCK_DGRAM, HUB, 500);
    hub_4500 = bound(WAN_NS, SOCK_DGRAM, HUB, 4500);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return close(pc_500) | close(pc_4500) | close(hub_500) | close(hub_4500);
}

static void a_session_opens_the_hub(void **state)
{
    (void)state;
    struct sockaddr_in from;
    session_of(1001, SERVICE);
    admitted();
    uint64_t out = counter("session_out"), in = counter("session_in");
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    get(hub_500, sizeof first_ike, &from);
    assert_string_equal(inet_ntoa(from.sin_addr), BOX_WAN);
    put(hub_500, BOX_WAN, ntohs(from.sin_port), later_ike, sizeof later_ike);
    get(pc_500, sizeof later_ike, NULL);
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    get(hub_4500, sizeof esp, &from);
    put(hub_4500, BOX_WAN, ntohs(from.sin_port), esp, sizeof esp); /* the hub may begin, rekey for instance */
    get(pc_4500, sizeof esp, NULL);
    assert_int_equal(counted("session_out", out + 2), out + 2);
    assert_int_equal(counted("session_in", in + 2), in + 2);
    put(pc_4500, HUB, 4500, keepalive, sizeof keepalive); /* passes, and is no sign of use */
    get(hub_4500, sizeof keepalive, NULL);
    assert_int_equal(counter("session_out"), out + 2);
}

static void native_esp(void **state)
{
    (void)state;
    int pc = raw(PC_NS, IPPROTO_ESP), hub = raw(WAN_NS, IPPROTO_ESP);
    session_of(1002, SERVICE);
    admitted();
    uint64_t out = counter("session_out"), in = counter("session_in");
    put(pc, HUB, 0, esp, sizeof esp);
    get(hub, sizeof(struct iphdr) + sizeof esp, NULL);
    put(hub, BOX_WAN, 0, esp, sizeof esp);
    get(pc, sizeof(struct iphdr) + sizeof esp, NULL);
    assert_int_equal(counted("session_out", out + 1), out + 1);
    assert_int_equal(counted("session_in", in + 1), in + 1);
    close(pc);
    close(hub);
}

/* The address is taken back, in the midst of a session: flows that stand end too. */
static void a_hub_is_taken_back(void **state)
{
    (void)state;
    struct firewall_allow list[3];
    struct sockaddr_in from;
    int pc = raw(PC_NS, IPPROTO_ESP);
    hub_elements(list);
    session_of(1020, SERVICE);
    admitted();
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    get(hub_500, sizeof first_ike, &from);
    for (unsigned i = 0; i < 2; i++) { /* the second time nothing is there */
        assert_int_equal(firewall_pc_revoke(list, 3), 0);
        uint64_t refused = counter("dropped_not_listed");
        put(pc_500, HUB, 500, first_ike, sizeof first_ike);
        put(pc_4500, HUB, 4500, esp, sizeof esp);
        put(pc, HUB, 0, esp, sizeof esp);
        assert_int_equal(counted("dropped_not_listed", refused + 3), refused + 3);
    }
    admitted(); /* as if it were new */
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    get(hub_500, sizeof first_ike, NULL);
    close(pc);
}

static void nothing_else_is_open(void **state)
{
    (void)state;
    int far = bound(WAN_NS, SOCK_DGRAM, "0.0.0.0", 5000), pc = raw(PC_NS, IPPROTO_ESP), pc_other = raw(PC_NS, 47);
    session_of(1003, SERVICE);
    admitted();
    uint64_t refused = counter("dropped_not_listed");
    put(pc_500, HUB, 5000, "x", 1); /* another port of the hub */
    put(pc_500, OTHER, 500, first_ike, sizeof first_ike); /* another hub */
    put(pc_4500, OTHER, 4500, esp, sizeof esp);
    put(pc, OTHER, 0, esp, sizeof esp);
    put(pc_other, HUB, 0, "xxxx", 4); /* GRE */
    assert_int_equal(counted("dropped_not_listed", refused + 5), refused + 5);
    assert_int_not_equal(tcp_from_pc(HUB, 443), 0);
    assert_true(silent(far));
    close(far);
    close(pc);
    close(pc_other);
}

/* Nothing of a tunnel passes to the hub without its session, whatever else does; the first message of IKE is told apart. */
static void nothing_passes_before(void **state)
{
    (void)state;
    int pc = raw(PC_NS, IPPROTO_ESP), hub = raw(WAN_NS, IPPROTO_ESP), far = bound(WAN_NS, SOCK_DGRAM, HUB, 5000);
    session_of(1004, SERVICE);
    admitted();
    for (unsigned mode = 0; mode < 3; mode++) {
        if (mode == 0)
            closed();
        else if (mode == 1)
            internet(1005);
        else
            session_of(1006, 1); /* another service's */
        uint64_t begins = counter("dropped_pc_begins"), rest = counter("dropped_pc_tunnel");
        put(pc_500, HUB, 500, first_ike, sizeof first_ike);
        uint8_t marked[4 + sizeof first_ike] = {0};
        memcpy(marked + 4, first_ike, sizeof first_ike);
        put(pc_4500, HUB, 4500, marked, sizeof marked);
        put(pc_500, HUB, 500, later_ike, sizeof later_ike);
        put(pc_4500, HUB, 4500, esp, sizeof esp);
        put(pc_4500, HUB, 4500, keepalive, sizeof keepalive);
        put(pc, HUB, 0, esp, sizeof esp);
        assert_int_equal(counted("dropped_pc_begins", begins + 2), begins + 2);
        assert_int_equal(counted("dropped_pc_tunnel", rest + 4), rest + 4);
        assert_true(silent(hub_500) && silent(hub_4500) && silent(hub));
    }
    internet(1007); /* what is no tunnel passes to that host as to any other */
    put(pc_500, HUB, 5000, "x", 1);
    get(far, 1, NULL);
    close(pc);
    close(hub);
    close(far);
}

/* Neither as the tracked connections of the session before, nor as new ones. */
static void nothing_passes_after(void **state)
{
    (void)state;
    struct sockaddr_in from;
    int pc = raw(PC_NS, IPPROTO_ESP), hub = raw(WAN_NS, IPPROTO_ESP);
    session_of(1010, SERVICE);
    admitted();
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    get(hub_4500, sizeof esp, &from);
    put(pc, HUB, 0, esp, sizeof esp);
    get(hub, sizeof(struct iphdr) + sizeof esp, NULL);
    internet(1011);
    uint64_t rest = counter("dropped_pc_tunnel");
    put(hub_4500, BOX_WAN, ntohs(from.sin_port), esp, sizeof esp);
    put(hub, BOX_WAN, 0, esp, sizeof esp);
    assert_true(silent(pc_4500) && silent(pc));
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    put(pc, HUB, 0, esp, sizeof esp);
    assert_int_equal(counted("dropped_pc_tunnel", rest + 2), rest + 2);
    assert_true(silent(hub_4500) && silent(hub));
    session_of(1012, SERVICE); /* opened again only by an answer of the DNS */
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    put(pc, HUB, 0, esp, sizeof esp);
    assert_true(silent(hub_4500) && silent(hub));
    assert_int_equal(firewall_forget(1010), 0); /* new flows then: it is the address that is not listed */
    uint64_t refused = counter("dropped_not_listed");
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    put(pc, HUB, 0, esp, sizeof esp);
    assert_int_equal(counted("dropped_not_listed", refused + 2), refused + 2);
    assert_true(silent(hub_4500) && silent(hub));
    admitted();
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    put(pc, HUB, 0, esp, sizeof esp);
    get(hub_4500, sizeof esp, NULL);
    get(hub, sizeof(struct iphdr) + sizeof esp, NULL);
    close(pc);
    close(hub);
}

static void the_wrong_host(void **state)
{
    (void)state;
    session_of(1020, SERVICE);
    admitted();
    may("none");
    uint64_t wrong = counter("dropped_wrong_host");
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    assert_int_equal(counted("dropped_wrong_host", wrong + 1), wrong + 1);
    assert_true(silent(hub_500));
    closed(); /* nor does it begin a session */
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    assert_int_equal(counted("dropped_wrong_host", wrong + 2), wrong + 2);
    may("nanbyo");
    session_of(1021, SERVICE);
    admitted();
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    get(hub_500, sizeof first_ike, NULL);
}

/* With the other service open beside it: a PC that is bound to one of them reaches nothing of the other one. */
static void a_bound_pc_has_its_own_service_only(void **state)
{
    static struct conf conf = {.service_count = 2, .site = {.host_count = 1, .others = "all"}};
    struct firewall_view v = {.mode = MODE_SESSION, .generation = 1025, .tunnel_count = 2};
    struct ifreq card = {.ifr_name = "pc0"};
    struct conf_host *host = &conf.site.hosts[0];
    (void)state;
    conf.services[0] = (struct conf_service){.number = 1, .name = "lab"};
    conf.services[1] = (struct conf_service){.number = SERVICE, .name = "nanbyo", .by_pc = true};
    v.tunnels[0].service = 1;
    v.tunnels[1] = (struct firewall_tunnel){.service = SERVICE, .by_pc = true};
    assert_true(conf_parse_addr("10.9.0.7", &v.tunnels[0].vip4) && conf_parse_addr("203.0.113.99", &v.tunnels[0].hub) &&
                conf_parse_addr(PC, &host->addr));
    assert_int_equal(ioctl(pc_500, SIOCGIFHWADDR, &card), 0);
    memcpy(host->mac, card.ifr_hwaddr.sa_data, sizeof host->mac);
    strcpy(host->service, "lab");
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_int_equal(firewall_apply(&v), 0);
    admitted();
    allow(REGISTRY, IPPROTO_UDP, 5000);

    uint64_t clear = counter("dropped_clear"), wrong = counter("dropped_wrong_host");
    put(pc_500, REGISTRY, 5000, "x", 1); /* listed; there is no IPsec here to carry it */
    assert_int_equal(counted("dropped_clear", clear + 1), clear + 1);
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    assert_int_equal(counted("dropped_wrong_host", wrong + 1), wrong + 1);

    strcpy(host->service, "nanbyo");
    assert_int_equal(firewall_hosts(&conf), 0);
    put(pc_500, HUB, 500, first_ike, sizeof first_ike);
    get(hub_500, sizeof first_ike, NULL);
    put(pc_500, REGISTRY, 5000, "x", 1);
    assert_int_equal(counted("dropped_wrong_host", wrong + 2), wrong + 2);
    assert_int_equal(counter("dropped_clear"), clear + 1);
}

/* A router of the line says that a packet of the PC's tunnel was too large: the PC must hear it. */
static void the_path_mtu_is_heard(void **state)
{
    (void)state;
    struct sockaddr_in from, to = at(HUB, 4500);
    int on = IP_PMTUDISC_DO;
    session_of(1030, SERVICE);
    admitted();
    put(pc_4500, HUB, 4500, esp, sizeof esp);
    get(hub_4500, sizeof esp, &from);
    setsockopt(pc_4500, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof on);
    assert_int_equal(connect(pc_4500, (struct sockaddr *)&to, sizeof to), 0);
    struct {
        struct icmphdr icmp;
        struct iphdr ip;
        uint16_t ports[2], len, sum;
    } say = {.icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED},
             .ip = {.version = 4, .ihl = 5, .ttl = 60, .protocol = IPPROTO_UDP, .tot_len = htons(28 + sizeof esp)},
             .ports = {from.sin_port, htons(4500)},
             .len = htons(8 + sizeof esp)};
    say.icmp.un.frag.mtu = htons(1300);
    say.ip.saddr = inet_addr(BOX_WAN);
    say.ip.daddr = inet_addr(HUB);
    uint32_t sum = 0;
    for (const uint16_t *w = (const uint16_t *)&say.ip; w < (const uint16_t *)(&say.ip + 1); w++)
        sum += *w;
    sum = (sum & 0xffff) + (sum >> 16);
    say.ip.check = (uint16_t)~(sum + (sum >> 16));
    sum = 0;
    for (const uint16_t *w = (const uint16_t *)&say; w < (const uint16_t *)(&say + 1); w++)
        sum += *w;
    sum = (sum & 0xffff) + (sum >> 16);
    say.icmp.checksum = (uint16_t)~(sum + (sum >> 16));
    int router = raw(WAN_NS, IPPROTO_ICMP);
    uint64_t in = counter("session_in");
    put(router, BOX_WAN, 0, &say, sizeof say);
    int mtu = 0;
    for (unsigned waited = 0; mtu != 1300 && waited < SURELY_MS; waited += 10) {
        socklen_t len = sizeof mtu;
        getsockopt(pc_4500, IPPROTO_IP, IP_MTU, &mtu, &len);
        usleep(10000);
    }
    assert_int_equal(mtu, 1300);
    assert_int_equal(counter("session_in"), in); /* which is no sign of use */
    close(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_opens_the_hub, setup, teardown),
        cmocka_unit_test_setup_teardown(native_esp, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hub_is_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_else_is_open, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_passes_before, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_passes_after, setup, teardown),
        cmocka_unit_test_setup_teardown(the_wrong_host, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bound_pc_has_its_own_service_only, setup, teardown),
        cmocka_unit_test_setup_teardown(the_path_mtu_is_heard, setup, teardown),
    };
    return cmocka_run_group_tests_name("gate_pc_firewall", tests, build, NULL);
}
