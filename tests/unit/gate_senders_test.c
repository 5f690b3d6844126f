/*
 * Sender checks: frames with source addresses, options and headers that no ordinary program sends, from the LAN and
 * from the uplink, and the reason for which each is refused. IPv6 too, which the box does not pass but must not be
 * fooled by.
 */
#include "gate_firewall_fixture.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#define HUB "203.0.113.99"
#define HUB6 "fd00:99::10"
#define BOX_WAN6 "fd00:99::1"
#define NEAR6 "fe80::77"
#define FRAME_MAX 256

static int out[3]; /* sockets that send frames: at pc0 and at line0 */

static void card(int where, const char *name, uint8_t mac[6])
{
    struct ifreq ask = {0};
    snprintf(ask.ifr_name, sizeof ask.ifr_name, "%s", name);
    enter(where);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    enter(BOX);
    assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ask), 0);
    memcpy(mac, ask.ifr_hwaddr.sa_data, 6);
    close(fd);
}

static int frames(int where, const char *name)
{
    enter(where);
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to) < 0)
        fd = -1;
    enter(BOX);
    return fd;
}

static int build_cards(void **state)
{
    static struct conf_service service = {.number = 1, .remote_count = 2};
    if (build(state) || !conf_parse_prefix("10.20.0.0/16", &service.remote[0]) ||
        !conf_parse_prefix("fd00:20::/32", &service.remote[1]) || firewall_registry(&service, 1) ||
        system("set -e; sysctl -qw net.ipv6.conf.all.forwarding=1; ip addr add " BOX_WAN6 "/64 dev wan0 nodad; "
               "ip addr add fd00:77::1/64 dev lan0 nodad; ip -6 route add default via fd00:99::2 dev wan0"))
        return -1;
    /* Their kernels' own IPv6 would be counted among ours. */
    enter(PC_NS);
    int failed = system("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    enter(WAN_NS);
    failed |= system("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    enter(BOX);
    if (failed)
        return -1;
    out[PC_NS] = frames(PC_NS, "pc0");
    out[WAN_NS] = frames(WAN_NS, "line0");
    return out[PC_NS] >= 0 && out[WAN_NS] >= 0 ? 0 : -1;
}

/* ---- packets ---- */

struct packet {
    const char *from, *to;
    uint8_t proto; /* IPv6: the first header's */
    uint16_t sport, dport; /* UDP */
    uint8_t
        word; /* the octets after the ports, so ESP's number or what tells ESP in UDP from IKE; also ICMPv6's type */
    bool options; /* of IP; IPv6: it has passed a router */
};

static size_t udp(uint8_t *p, const struct packet *k)
{
    static const uint8_t any[8] = {0};
    memcpy(p, any, 8);
    p[0] = (uint8_t)(k->sport >> 8), p[1] = (uint8_t)k->sport;
    p[2] = (uint8_t)(k->dport >> 8), p[3] = (uint8_t)k->dport;
    p[5] = 16;
    memset(p + 8, k->word, 8);
    return 16;
}

/* An ICMP error of type sport / 256 and code sport % 256 about a packet of that protocol (`word`), both ports dport. */
static size_t icmp_error(uint8_t *p, const struct packet *k)
{
    memset(p, 0, 36);
    p[0] = (uint8_t)(k->sport >> 8), p[1] = (uint8_t)k->sport, p[8] = 0x45, p[17] = k->word;
    p[28] = p[30] = (uint8_t)(k->dport >> 8), p[29] = p[31] = (uint8_t)k->dport;
    return 36;
}

/* An ICMPv6 error of type `word` about a packet of protocol sport, both ports dport. */
static size_t icmp6_error(uint8_t *p, const struct packet *k)
{
    memset(p, 0, 56);
    p[0] = k->word, p[8] = 0x60, p[14] = (uint8_t)k->sport;
    p[48] = p[50] = (uint8_t)(k->dport >> 8), p[49] = p[51] = (uint8_t)k->dport;
    return 56;
}

static size_t header(uint8_t *p, const struct packet *k)
{
    if (k->proto == IPPROTO_ICMP)
        return icmp_error(p, k);
    if (k->proto == IPPROTO_ICMPV6 && k->word < 128)
        return icmp6_error(p, k);
    if (k->proto == IPPROTO_UDP)
        return udp(p, k);
    memset(p, k->word, 24); /* (ICMPv6: a type; a routing or hop-by-hop header: one of 8 octets, then nothing) */
    if (k->proto == IPPROTO_ROUTING || k->proto == IPPROTO_HOPOPTS) {
        memset(p, 0, 8);
        p[0] = IPPROTO_UDP;
        if (k->proto == IPPROTO_HOPOPTS)
            p[2] = 1, p[3] = 4; /* padding */
        return 8 + udp(p + 8, k);
    }
    return 24;
}

static size_t packet(uint8_t *p, const struct packet *k)
{
    size_t head, len;
    if (strchr(k->to, ':')) {
        memset(p, 0, 40);
        p[0] = 0x60, p[6] = k->proto, p[7] = k->options ? 64 : 255;
        assert_true(inet_pton(AF_INET6, k->from, p + 8) == 1 && inet_pton(AF_INET6, k->to, p + 24) == 1);
        len = header(p + 40, k);
        p[5] = (uint8_t)len;
        return 40 + len;
    }
    head = k->options ? 24 : 20;
    memset(p, 1, 24); /* (four times "no operation") */
    memset(p, 0, 20);
    p[0] = (uint8_t)(0x40 | head / 4), p[8] = 64, p[9] = k->proto;
    assert_true(inet_pton(AF_INET, k->from, p + 12) == 1 && inet_pton(AF_INET, k->to, p + 16) == 1);
    len = header(p + head, k);
    p[3] = (uint8_t)(head + len);
    uint32_t sum = 0;
    for (size_t i = 0; i < head; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    sum = (sum >> 16) + (sum & 0xffff);
    sum = ~(sum + (sum >> 16));
    p[10] = (uint8_t)(sum >> 8), p[11] = (uint8_t)sum;
    return head + len;
}

/* Send it to the box's interface, from this MAC address (NULL: its own). */
static void send_frame(int where, const uint8_t *mac, bool everybody, const struct packet *k)
{
    uint8_t frame[FRAME_MAX];
    if (everybody)
        memset(frame, 0xff, 6);
    else
        card(BOX, where == PC_NS ? "lan0" : "wan0", frame);
    if (mac)
        memcpy(frame + 6, mac, 6);
    else
        card(where, where == PC_NS ? "pc0" : "line0", frame + 6);
    bool six = strchr(k->to, ':');
    frame[12] = six ? 0x86 : 0x08, frame[13] = six ? 0xdd : 0x00;
    size_t len = 14 + packet(frame + 14, k);
    assert_int_equal(send(out[where], frame, len, 0), (ssize_t)len);
}

/* ---- how each ends ---- */

static const char *const reasons[] = {"clear",  "wrong_tunnel", "spoofed",   "invalid", "ip_version",
                                      "closed", "input_lan",    "input_wan", "wan_in"};
#define REASONS (sizeof reasons / sizeof reasons[0])

static void read_all(uint64_t into[REASONS])
{
    char name[32];
    for (size_t i = 0; i < REASONS; i++) {
        snprintf(name, sizeof name, "dropped_%s", reasons[i]);
        into[i] = counter(name);
    }
}

/* What comes back to the side where it came from is refused under a reason of its own. */
static const struct packet back[] = {[PC_NS] = {PC, "192.168.77.200", IPPROTO_UDP, 7, 7, 1, false},
                                     [WAN_NS] = {SERVER, "203.0.113.200", IPPROTO_UDP, 7, 7, 1, false}};

/* Which reason has counted the one frame: "" none. A second frame tells when the first is through. */
static const char *ends(int where, const uint8_t *mac, bool everybody, const struct packet *k)
{
    const char *found = "";
    uint64_t before[REASONS], after[REASONS];
    read_all(before);
    send_frame(where, mac, everybody, k);
    uint64_t through = counter("dropped_path");
    send_frame(where, NULL, false, &back[where]);
    counted("dropped_path", through + 1);
    read_all(after);
    for (size_t i = 0; i < REASONS; i++) {
        assert_in_range(after[i], before[i], before[i] + 1);
        if (after[i] > before[i]) {
            assert_string_equal(found, "");
            found = reasons[i];
        }
    }
    return found;
}

struct one {
    int where;
    struct packet packet;
    const char *ends;
};

static void each(const struct one *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct packet *k = &cases[i].packet;
        const char *seen = ends(cases[i].where, NULL, false, k);
        if (strcmp(seen, cases[i].ends) != 0)
            fail_msg("%s %s:%u > %s:%u protocol %u: expected '%s', seen '%s'", cases[i].where == PC_NS ? "LAN" : "line",
                     k->from, k->sport, k->to, k->dport, k->proto, cases[i].ends, seen);
    }
}
#define EACH(cases) each(cases, sizeof(cases) / sizeof(cases)[0])

/* ---- IPv4 ---- */

static void senders(void **state)
{
    (void)state;
    static const struct one cases[] = {
        {PC_NS, {PC, SERVER, IPPROTO_UDP, 5000, 5000, 1, false}, "closed"}, /* (so it is well made) */
        {PC_NS, {REGISTRY, SERVER, IPPROTO_UDP, 5000, 5000, 1, false}, "clear"},
        {PC_NS, {"172.16.9.9", SERVER, IPPROTO_UDP, 5000, 5000, 1, false}, "spoofed"},
        {PC_NS,
         {"172.16.9.9", SERVER, IPPROTO_UDP, 68, 67, 1, false},
         "spoofed"}, /* not even as a question for an address */
        {WAN_NS, {PC, BOX_WAN, IPPROTO_UDP, 5000, 5000, 1, false}, "spoofed"},
        {WAN_NS, {REGISTRY, BOX_WAN, IPPROTO_UDP, 5000, 5000, 1, false}, "clear"},
        {PC_NS, {PC, SERVER, IPPROTO_UDP, 5000, 5000, 1, true}, "invalid"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_UDP, 5000, 5000, 1, true}, "invalid"},
    };
    closed();
    EACH(cases);
}

/* From one host of a side to another of the same side. */
static void not_back_to_where_it_came_from(void **state)
{
    (void)state;
    internet(79);
    for (int where = PC_NS; where <= WAN_NS; where++) {
        uint64_t before = counter("dropped_path");
        send_frame(where, NULL, false, &back[where]);
        assert_int_equal(counted("dropped_path", before + 1), before + 1);
    }
}

/* A PC without an address: its broadcast comes through, nothing else without a sender does. */
static void who_has_no_address_yet(void **state)
{
    (void)state;
    static const struct packet asks = {"0.0.0.0", "255.255.255.255", IPPROTO_UDP, 68, 67, 1, false};
    static const struct packet other = {"0.0.0.0", "255.255.255.255", IPPROTO_UDP, 69, 67, 1, false};
    static const struct packet port = {"0.0.0.0", "255.255.255.255", IPPROTO_UDP, 68, 68, 1, false};
    closed();
    int dhcp = bound(BOX, SOCK_DGRAM, "0.0.0.0", 67);
    assert_string_equal(ends(PC_NS, NULL, true, &asks), "");
    assert_true(readable(dhcp));
    assert_string_equal(ends(PC_NS, NULL, true, &other), "input_lan");
    assert_string_equal(ends(PC_NS, NULL, true, &port), "input_lan");
    close(dhcp);
}

static void to_the_box_itself(void **state)
{
    (void)state;
    static const struct one cases[] = {
        {PC_NS, {PC, BOX_LAN, IPPROTO_UDP, 68, 67, 1, false}, ""},
        {PC_NS, {PC, BOX_LAN, IPPROTO_UDP, 69, 67, 1, false}, "input_lan"},
        {PC_NS, {PC, BOX_LAN, IPPROTO_UDP, 68, 69, 1, false}, "input_lan"},
        {PC_NS, {PC, BOX_WAN, IPPROTO_ESP, 0, 0, 1, false}, "input_lan"},
        {PC_NS, {NEAR6, "ff02::1", IPPROTO_UDP, 5000, 5000, 1, false}, "input_lan"},
        {PC_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 130, false}, "input_lan"},
        {WAN_NS, {NEAR6, "ff02::1", IPPROTO_UDP, 5000, 5000, 1, false}, "input_wan"},
        {WAN_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 130, false}, ""}, /* the uplink's router asks for listeners */
        {WAN_NS, {NEAR6, "ff02::16", IPPROTO_ICMPV6, 0, 0, 143, false}, ""}, /* and its neighbours answer */
        {WAN_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 128, false}, "input_wan"},
        {WAN_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 134, false}, ""}, /* the uplink's router */
        {WAN_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 134, true}, "input_wan"},
        {PC_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 136, false}, ""},
        {PC_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 136, true}, "input_lan"},
        {PC_NS, {NEAR6, "ff02::1", IPPROTO_ICMPV6, 0, 0, 134, false}, "input_lan"},
        /* Too large (3/4), but what it quotes is not what the box wraps; and other errors about that. */
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ICMP, 0x0304, 0, IPPROTO_ESP, false}, ""},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ICMP, 0x0303, 0, IPPROTO_ESP, false}, "input_wan"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ICMP, 0x0b04, 0, IPPROTO_ESP, false}, "input_wan"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ICMP, 0x0304, 4500, IPPROTO_UDP, false}, ""},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ICMP, 0x0303, 4500, IPPROTO_UDP, false}, "input_wan"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ICMP, 0x0b04, 4500, IPPROTO_UDP, false}, "input_wan"},
        /* A PC did not wait for its answer: port unreachable (3/3), quoting UDP from port 53. */
        {PC_NS, {PC, BOX_LAN, IPPROTO_ICMP, 0x0303, 53, IPPROTO_UDP, false}, ""},
        {PC_NS, {PC, BOX_LAN, IPPROTO_ICMP, 0x0301, 53, IPPROTO_UDP, false}, "input_lan"},
        {PC_NS, {PC, BOX_LAN, IPPROTO_ICMP, 0x0b03, 53, IPPROTO_UDP, false}, "input_lan"},
        {PC_NS, {PC, BOX_LAN, IPPROTO_ICMP, 0x0303, 54, IPPROTO_UDP, false}, "input_lan"},
        {PC_NS, {PC, BOX_LAN, IPPROTO_ICMP, 0x0303, 53, IPPROTO_TCP, false}, "input_lan"},
    };
    closed();
    EACH(cases);
}

/* Pings, and answers nobody waited for, keep the box busy for so long only. */
static void not_too_often(void **state)
{
    (void)state;
    static const struct packet kinds[] = {{PC, BOX_LAN, IPPROTO_ICMP, 0x0800, 1, 0, false},
                                          {PC, BOX_LAN, IPPROTO_ICMP, 0x0303, 53, IPPROTO_UDP, false}};
    closed();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t before = counter("dropped_input_lan");
        for (int n = 0; n < 500; n++)
            send_frame(PC_NS, NULL, false, &kinds[i]);
        assert_true(counted("dropped_input_lan", before + 1) < before + 500);
    }
}

/* A verified MAC and IP address counts on the LAN only. */
static void the_line_with_a_card_of_the_lan(void **state)
{
    (void)state;
    static const uint16_t ports[] = {5000, 53};
    uint8_t mac[6];
    closed();
    card(PC_NS, "pc0", mac);
    for (size_t i = 0; i < 2; i++) {
        struct packet k = {PC, BOX_WAN, IPPROTO_UDP, 5000, ports[i], 1, false};
        static const struct packet known = {PC, BOX_LAN, IPPROTO_UDP, 7, 7, 1, false};
        uint64_t before = counter("dropped_spoofed");
        send_frame(PC_NS, NULL, false, &known); /* for a second: so the other follows at once */
        send_frame(WAN_NS, mac, false, &k);
        assert_int_equal(counted("dropped_spoofed", before + 1), before + 1);
    }
    /* And nobody on the uplink becomes verified. */
    struct packet k = {SERVER, BOX_WAN, IPPROTO_UDP, 5000, 5000, 1, false};
    assert_string_equal(ends(WAN_NS, NULL, false, &k), "input_wan");
    static const struct packet pc = {PC, BOX_LAN, IPPROTO_UDP, 7, 7, 1, false};
    /* (It is remembered for a second, and a busy machine may take longer to look.) */
    bool seen = false;
    for (unsigned i = 0; i < 100 && !seen && !without_fast_path(); i++) {
        send_frame(PC_NS, NULL, false, &pc);
        seen = system("nft list set inet sekisho verified | grep -q lan0") == 0;
    }
    assert_int_equal(seen, !without_fast_path());
    assert_int_not_equal(system("nft list set inet sekisho verified | grep -q wan0"), 0);
}

/* Nor does a PC become known for an address that stands in IPv6's header where IPv4 has its sender. */
static void an_address_of_ip6_makes_none_of_ip4_known(void **state)
{
    (void)state;
    closed();
    run("ip addr add fd00:77:cb00:7101::1/64 dev lan0 nodad");
    static const struct packet six = {"fd00:77:cb00:7101::5", "fe80::1", IPPROTO_UDP, 7, 7, 1, false};
    static const struct packet four = {SERVER, BOX_WAN, IPPROTO_UDP, 5000, 5000, 1, false};
    uint64_t before = counter("dropped_spoofed");
    send_frame(PC_NS, NULL, false, &six);
    send_frame(PC_NS, NULL, false, &four);
    assert_int_equal(counted("dropped_spoofed", before + 1), before + 1);
    run("ip addr del fd00:77:cb00:7101::1/64 dev lan0");
}

/* Whoever is known has IP options in no packet. */
static void options_of_who_is_known(void **state)
{
    (void)state;
    closed();
    static const struct packet plain = {PC, BOX_LAN, IPPROTO_UDP, 7, 7, 1, false};
    static const struct packet options = {PC, BOX_LAN, IPPROTO_UDP, 7, 7, 1, true};
    uint64_t before = counter("dropped_invalid");
    send_frame(PC_NS, NULL, false, &plain);
    send_frame(PC_NS, NULL, false, &options);
    assert_int_equal(counted("dropped_invalid", before + 1), before + 1);
}

static void broadcast_frames_are_not_passed_on(void **state)
{
    (void)state;
    static const struct packet k = {PC, SERVER, IPPROTO_UDP, 5000, 5000, 1, false};
    internet(80);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000);
    send_frame(PC_NS, NULL, true, &k);
    assert_true(silent(server));
    send_frame(PC_NS, NULL, false, &k);
    assert_true(readable(server));
    close(server);
}

/* ---- the hubs ---- */

static void up(void)
{
    session(81);
    run("nft add element inet sekisho hubs_v6 { " HUB6 " }");
}

static void what_a_hub_wraps(void **state)
{
    (void)state;
    static const struct one cases[] = {
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_ESP, 0, 0, 1, false}, ""},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4500, 1, false}, ""},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_ESP, 0, 0, 1, false}, "input_wan"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_UDP, 4500, 4500, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_AH, 0, 0, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4501, 4500, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4501, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_ESP, 0, 0, 1, true}, "invalid"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4500, 1, true}, "invalid"},
        {PC_NS, {HUB, BOX_LAN, IPPROTO_ESP, 0, 0, 1, false}, "spoofed"},
        {PC_NS, {HUB, BOX_LAN, IPPROTO_UDP, 4500, 4500, 1, false}, "spoofed"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_ESP, 0, 0, 1, false}, ""},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 4500, 4500, 1, false}, ""},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ESP, 0, 0, 1, false}, "input_wan"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_UDP, 4500, 4500, 1, false}, "input_wan"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_AH, 0, 0, 1, false}, "input_wan"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 4501, 4500, 1, false}, "input_wan"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 4500, 4501, 1, false}, "input_wan"},
        {PC_NS, {HUB6, "fd00:77::1", IPPROTO_ESP, 0, 0, 1, false}, "ip_version"},
        {PC_NS, {HUB6, "fd00:77::1", IPPROTO_UDP, 4500, 4500, 1, false}, "ip_version"},
        /* What is wrapped is for the box, not for the LAN. */
        {WAN_NS, {HUB, PC, IPPROTO_ESP, 0, 0, 1, false}, "wan_in"},
        {WAN_NS, {HUB, PC, IPPROTO_UDP, 4500, 4500, 1, false}, "wan_in"},
    };
    up();
    EACH(cases);
}

/* They may speak first, and re-key, as long as their tunnel is up. */
static void who_may_begin(void **state)
{
    (void)state;
    static const struct one while_closed[] = {
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 500, 500, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4500, 0, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4500, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_ESP, 0, 0, 1, false}, "input_wan"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 500, 500, 1, false}, "input_wan"},
    };
    static const struct one while_up[] = {
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 500, 500, 1, false}, ""},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4500, 0, false}, ""},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 501, 500, 1, false}, "input_wan"},
        {WAN_NS, {HUB, BOX_WAN, IPPROTO_UDP, 500, 501, 1, false}, "input_wan"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_UDP, 500, 500, 1, false}, "input_wan"},
        {WAN_NS, {SERVER, BOX_WAN, IPPROTO_UDP, 4500, 4500, 0, false}, "input_wan"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 500, 500, 1, false}, ""},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 501, 500, 1, false}, "input_wan"},
        {WAN_NS, {HUB6, BOX_WAN6, IPPROTO_UDP, 500, 501, 1, false}, "input_wan"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_UDP, 500, 500, 1, false}, "input_wan"},
    };
    closed();
    EACH(while_closed);
    up();
    EACH(while_up);
}

/* IKE is no ESP, though it comes by the same ports: it is tracked as ever. */
static void ike_is_tracked(void **state)
{
    (void)state;
    up();
    for (uint8_t word = 0; word < 2; word++) {
        struct packet k = {HUB, BOX_WAN, IPPROTO_UDP, 4500, 4500, word, false};
        run("conntrack -F 2>/dev/null");
        assert_string_equal(ends(WAN_NS, NULL, false, &k), "");
        int found = system("conntrack -L -p udp --orig-src " HUB " 2>/dev/null | grep -q dport=4500");
        assert_int_equal(found == 0, word == 0 || without_fast_path());
    }
}

/* ---- IPv6 ---- */

static void senders_v6(void **state)
{
    (void)state;
    static const struct one cases[] = {
        {WAN_NS, {"fd00:20::80", BOX_WAN6, IPPROTO_UDP, 5000, 5000, 1, false}, "clear"},
        {PC_NS, {"fd00:20::80", "fe80::1", IPPROTO_UDP, 5000, 5000, 1, false}, "clear"},
        {PC_NS, {"2001:db8:9::9", "ff02::1", IPPROTO_UDP, 5000, 5000, 1, false}, "spoofed"},
        {PC_NS, {"2001:db8:9::9", "ff02::1:ff00:1", IPPROTO_ICMPV6, 0, 0, 135, false}, "spoofed"},
        {PC_NS, {"::", "ff02::1:ff00:1", IPPROTO_UDP, 5000, 5000, 1, false}, "spoofed"},
        {PC_NS, {"::", "ff02::1:ff00:1", IPPROTO_ICMPV6, 0, 0, 135, false}, ""}, /* is anybody there with my address? */
        {PC_NS, {NEAR6, "fe80::1", IPPROTO_ROUTING, 5000, 5000, 1, false}, "invalid"},
        {PC_NS, {NEAR6, "fe80::1", IPPROTO_HOPOPTS, 5000, 5000, 1, false}, "invalid"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ROUTING, 5000, 5000, 1, false}, "invalid"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_HOPOPTS, 5000, 5000, 1, false}, "invalid"},
        {PC_NS, {"fd00:77::5", "fd00:55::1", IPPROTO_UDP, 5000, 5000, 1, false}, "ip_version"},
        /* Too large (2), as for IPv4. */
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ICMPV6, IPPROTO_ESP, 0, 2, false}, ""},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ICMPV6, IPPROTO_ESP, 0, 1, false}, "input_wan"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ICMPV6, IPPROTO_UDP, 4500, 2, false}, ""},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ICMPV6, IPPROTO_UDP, 4500, 1, false}, "input_wan"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ICMPV6, IPPROTO_UDP, 4501, 2, false}, "input_wan"},
        {WAN_NS, {"fd00:99::11", BOX_WAN6, IPPROTO_ICMPV6, IPPROTO_TCP, 4500, 2, false}, "input_wan"},
    };
    closed();
    EACH(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders),
        cmocka_unit_test(not_back_to_where_it_came_from),
        cmocka_unit_test(who_has_no_address_yet),
        cmocka_unit_test(to_the_box_itself),
        cmocka_unit_test(not_too_often),
        cmocka_unit_test(the_line_with_a_card_of_the_lan),
        cmocka_unit_test(an_address_of_ip6_makes_none_of_ip4_known),
        cmocka_unit_test(options_of_who_is_known),
        cmocka_unit_test(broadcast_frames_are_not_passed_on),
        cmocka_unit_test(what_a_hub_wraps),
        cmocka_unit_test(who_may_begin),
        cmocka_unit_test(ike_is_tracked),
        cmocka_unit_test(senders_v6),
    };
    return cmocka_run_group_tests_name("gate_senders", tests, build_cards, NULL);
}
