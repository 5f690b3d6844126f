/* The configuration parser: what is accepted, and every refusal with its line, its sentence and its remedy. */
#include "lib_conf_fixture.h"
#include "lib_conf_refusals.h"
#include "lib_conf_line.h"

static void site_minimal(void **state)
{
    (void)state;
    read_site(SITE_HEAD WAN_DHCP ENROLL);
    assert_good();
    assert_string_equal(site.name, "Example Hospital");
    assert_int_equal(site.service_count, 1);
    assert_int_equal(site.outside, CONF_OUTSIDE_CLOSED);
    assert_int_equal(site.start, CONF_START_DEMAND);
    assert_int_equal(site.idle_s, 600);
    assert_int_equal(site.zone_min, 9 * 60);
    assert_int_equal(site.est_port, 443);
    assert_int_equal(site.lan_address.len, 24);
    assert_int_equal(site.dhcp_first.bytes[3], 100);
    assert_int_equal(site.dhcp_last.bytes[3], 199);
}

static void site_full(void **state)
{
    (void)state;
    read_site("\xef\xbb\xbf# comment\r\n[site]\r\nname = 病院\r\nservice = lab\r\nservice = gtol\r\n"
              "outside-session = internet\r\nsession = always\r\nidle = 90 s\r\ntimezone = -03:30\r\n"
              "[wan]\nmode = static\naddress = 192.168.1.2/24\ngateway = 192.168.1.1\ndns = 192.168.1.1\n"
              "dns = 2001:db8::1\nntp = ntp.nict.jp\n[lan]\naddress = 10.1.2.1/24\ndhcp = 10.1.2.10-10.1.2.20\n"
              "[enroll]\nserver = [2001:db8::5]:8443\nlabel = hospital\n"
              "ca-fingerprint = 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:"
              "DD:EE:FF\nusername = box\npassword = once-only-1\ndevice = box.example.jp\n");
    assert_good();
    assert_string_equal(site.name, "病院");
    assert_int_equal(site.service_count, 2);
    assert_int_equal(site.outside, CONF_OUTSIDE_INTERNET);
    assert_int_equal(site.idle_s, 90);
    assert_int_equal(site.zone_min, -210);
    assert_int_equal(site.wan_dns_count, 2);
    assert_string_equal(site.est_host, "2001:db8::5");
    assert_int_equal(site.est_port, 8443);
    assert_int_equal(site.est_ca_sha256[15], 0xff);
}

static void service_full(void **state)
{
    (void)state;
    read_service(ALLOWED "Registry.LAB.example tcp/443 tls, tcp/8080 ,udp/123\n");
    assert_good();
    assert_string_equal(service.name, "lab");
    assert_string_equal(service.rules[0].name, "registry.lab.example");
    assert_int_equal(service.rules[0].port_count, 3);
    assert_true(service.rules[0].ports[0].tls);
    assert_false(service.rules[0].ports[1].tls);
    assert_int_equal(service.rules[0].ports[2].proto, IPPROTO_UDP);
    assert_string_equal(service.esp_proposal, "aes256gcm16-ecp384");
    read_service(SERVICE_HEAD "[tunnel]\nhub = HUB.example.jp\nremote = 2001:db8:1::/48\nremote = 10.1.0.0/16\n"
                              "encapsulation = udp\n[dns]\nresolver = wan\n" ALLOW);
    assert_good();
    assert_string_equal(service.hub_id, "hub.example.jp");
    assert_true(service.force_encap && service.resolver_wan);
    read_service(OWN "[dns]\nresolver = wan\n" OWN_ALLOW);
    assert_good();
    assert_true(service.by_pc && service.resolver_wan);
    assert_int_equal(service.rules[0].port_count, 3);
    assert_int_equal(service.rules[0].ports[2].proto, IPPROTO_ESP);
    read_service(OWN OWN_ALLOW); /* on the line anyway */
    assert_good();
    assert_true(service.by_pc && service.resolver_wan);
}

static void refuses_site(void **state)
{
    static const struct refusal cases[] = {
        {"name = x\n", 1, "before the first section"},
        {"[sites]\n", 1, "no section [sites]"},
        {"[site\n", 1, "is not a section"},
        {SITE_HEAD "nonsense\n", 4, "neither a key"},
        {SITE_HEAD "colour = red\n", 4, "no key `colour` in [site]"},
        {SITE_HEAD "name = again\n", 4, "`name` is there twice"},
        {SITE_HEAD "[site]\n", 4, "is there twice"},
        {SITE_HEAD "idle =\n", 4, "`idle` has no value"},
        {SITE_HEAD "idle = 10 min # short\n", 4, "comment after its value"},
        {SITE_HEAD "idle = <minutes>\n", 4, "placeholder"},
        {SITE_HEAD "idle = 10\n", 4, "is not a time"},
        {SITE_HEAD "[wan]\nmtu = 1501\n", 5, "is not a number from 576 to 1500"},
        {SITE_HEAD "[wan]\nmtu = 575\n", 5, "is not a number from 576 to 1500"},
        {SITE_HEAD "[wan]\nmtu = 0x600\n", 5, "is not a number from 576 to 1500"},
        {SITE_HEAD "timezone = JST\n", 4, "is not an offset from UTC"},
        {SITE_HEAD "timezone = 9\n", 4, "is not an offset from UTC"},
        {SITE_HEAD "timezone = +09:00\ntimezone = +09:00\n", 5, "is there twice"},
        {SITE_HEAD "idle = 5 s\n", 4, "is not between 10 s and 24 h"},
        {SITE_HEAD "idle = 25 h\n", 4, "is not between"},
        {SITE_HEAD "idle = -1 s\n", 4, "is not a time"},
        {SITE_HEAD "outside-session = open\n", 4, "neither `closed` nor `internet`"},
        {SITE_HEAD "session = never\n", 4, "neither `demand` nor `always`"},
        {SITE_HEAD "service = lab\n", 4, "named twice"},
        {SITE_HEAD "service = ../x\n", 4, "not the short name"},
        {SITE_HEAD "service = all\n", 4, "a word of [hosts]"},
        {SITE_HEAD "service = none\n", 4, "a word of [hosts]"},
        {SITE_HEAD "name\xff = x\n", 4, "not plain UTF-8"},
        {SITE_HEAD "idle = \x1b[2J\n", 4, "not plain UTF-8"},
        {SITE_HEAD "[wan]\nmode = pppoe\n", 5, "neither `dhcp` nor `static`"},
        {SITE_HEAD "[wan]\nmode = dhcp\ndns = 1.2.3\n", 6, "is not an address"},
        {SITE_HEAD "[wan]\nmode = dhcp\ndns = 127.0.0.1\n", 6, "cannot be a DNS server"},
        {SITE_HEAD "[wan]\nmode = dhcp\ndns = fec0:0:0:ffff::1\n", 6, "cannot be a DNS server"},
        {SITE_HEAD "[wan]\nmode = dhcp\nntp = time\n", 6, "neither a full host name"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.0/24\n", 6, "network's own"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2\n", 6, "with a prefix length"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2/33\n", 6, "with a prefix length"},
        {SITE_HEAD "[wan]\nmode = static\ngateway = ::1\n", 6, "is not an IPv4 address"},
        {SITE_HEAD WAN_DHCP "[lan]\naddress = 10.0.0.255/24\n", 7, "broadcast"},
        {SITE_HEAD WAN_DHCP "[lan]\ndhcp = 10.0.0.9\n", 7, "not a range"},
        {SITE_HEAD WAN_DHCP "[lan]\ndhcp = 192.168.77.9-192.168.77.5\n", 7, "ends before it begins"},
        {SITE_HEAD WAN_DHCP "[enroll]\nserver = est.example.jp:0\n", 7, "port"},
        {SITE_HEAD WAN_DHCP "[enroll]\nserver = est\n", 7, "neither a full host name"},
        {SITE_HEAD WAN_DHCP "[enroll]\nserver = https://est.example.jp\n", 7, "port"},
        {SITE_HEAD WAN_DHCP "[enroll]\nlabel = a/b\n", 7, "characters"},
        {SITE_HEAD WAN_DHCP "[enroll]\nca-fingerprint = 0011\n", 7, "not a SHA-256 fingerprint"},
        {SITE_HEAD WAN_DHCP "[enroll]\nca-fingerprint = "
                            "0000000000000000000000000000000000000000000000000000000000000000\n",
         7, "all zeros"},
        {SITE_HEAD WAN_DHCP "[enroll]\nusername = a:b\n", 7, "user name"},
        {SITE_HEAD WAN_DHCP "[enroll]\npassword = short\n", 7, "shorter than 6"},
        {SITE_HEAD WAN_DHCP "[enroll]\npassword = has a space\n", 7, "spaces"},
        {SITE_HEAD WAN_DHCP "[enroll]\ndevice = box_1\n", 7, "characters other than"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        read_site(cases[i].text);
        assert_mistake(cases[i].line, cases[i].wrong);
    }
}

/* Mistakes that only the whole file shows: about the file, line 0. */
static void refuses_whole_site(void **state)
{
    static const struct refusal cases[] = {
        {"", 0, "`name` is missing in [site]"},
        {SITE_HEAD WAN_DHCP, 0, "`server` is missing in [enroll]"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2/24\n" ENROLL, 0, "`gateway` is missing"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2/24\ngateway = 192.168.1.1\ndns = 9.9.9.9\n" ENROLL, 0,
         "`ntp` is missing"},
        {SITE_HEAD "[wan]\nmode = dhcp\naddress = 192.168.1.2/24\n" ENROLL, 0, "contradicts `mode = dhcp`"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2/24\ngateway = 10.0.0.1\ndns = 9.9.9.9\nntp = "
                   "9.9.9.9\n" ENROLL,
         0, "outside the network"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2/24\ngateway = 192.168.1.2\ndns = 9.9.9.9\nntp = "
                   "9.9.9.9\n" ENROLL,
         0, "the box itself"},
        {SITE_HEAD "[wan]\nmode = static\naddress = 192.168.77.9/24\ngateway = 192.168.77.1\ndns = 9.9.9.9\nntp = "
                   "9.9.9.9\n" ENROLL,
         0, "overlap"},
        {SITE_HEAD WAN_DHCP "[lan]\naddress = 10.0.0.1/24\n" ENROLL, 0, "no `dhcp`"},
        {SITE_HEAD WAN_DHCP "[lan]\ndhcp = 10.0.0.5-10.0.0.9\n" ENROLL, 0, "outside the box's LAN"},
        {SITE_HEAD WAN_DHCP "[lan]\ndhcp = 192.168.77.1-192.168.77.9\n" ENROLL, 0, "include the box's own"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        read_site(cases[i].text);
        assert_mistake(cases[i].line, cases[i].wrong);
    }
}

static void refuses_service(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(service_refusals); i++) {
        read_service(service_refusals[i].text);
        assert_mistake(service_refusals[i].line, service_refusals[i].wrong);
    }
}

/* A wildcard, an exact name below it that has ports of its own, and the word about browsers' ECH. */
static void wildcards(void **state)
{
    (void)state;
    read_service(SERVICE_HEAD TUNNEL DNS
                 "[allow]\nname = *.Lab.Example tcp/443 tls ech-noise, tcp/80, tcp/8443 tls ech-noise\n"
                 "name = a.lab.example tcp/443 tls, udp/123\nname = lab.example tcp/443\n");
    assert_good();
    assert_int_equal(service.rule_count, 3);
    assert_string_equal(service.rules[0].name, "*.lab.example");
    assert_true(service.rules[0].ech_noise);
    assert_false(service.rules[1].ech_noise);
    assert_int_equal(service.rules[1].line, 12);
    read_service(ALLOWED "*.example.co.jp tcp/443 tls\nname = *.jp.net tcp/443\n"
                         "name = *.city.osaka.jp tcp/443\nname = *.osaka.example tcp/443\n");
    assert_good();
}

#define HOST "host = 192.168.77.20 02:00:5e:10:00:20 lab\n"

static void hosts(void **state)
{
    static const struct refusal cases[] = {
        {"host = 192.168.77.20\n", 5, "not an address, a network card and a service"},
        {"host = 192.168.77.20 02:00:5e:10:00:20 lab b\n", 5, "not an address, a network card and a service"},
        {"host = ::1 02:00:5e:10:00:20 lab\n", 5, "IPv4"},
        {"host = 192.168.77.20 02:00:5e:10:00 lab\n", 5, "network card"},
        {"host = 192.168.77.20 02:00:5e:10-00:20 lab\n", 5, "network card"},
        {"host = 192.168.77.20 02:00:5e:10:00:2g lab\n", 5, "network card"},
        {"host = 192.168.77.20 ff:ff:ff:ff:ff:ff lab\n", 5, "network card"},
        {"host = 192.168.77.20 00:00:00:00:00:00 lab\n", 5, "network card"},
        {"host = 192.168.77.20 02:00:5e:10:00:20 Lab\n", 5, "short name"},
        {HOST "host = 192.168.77.21 02:00:5E:10:00:20 none\n", 6, "binds to another service"},
        {HOST HOST, 6, "address and network card of line 5"},
        {HOST "host = 192.168.77.21 02:00:5e:10:00:20 lab\n", 6, "network card of line 5"},
        {HOST "host = 192.168.77.20 02:00:5e:10:00:21 none\n", 6, "address of line 5"},
        {"host = 192.168.78.20 02:00:5e:10:00:20 lab\n", 5, "no address of a host on the LAN"},
        {"host = 192.168.77.0 02:00:5e:10:00:20 lab\n", 5, "no address of a host on the LAN"},
        {"host = 192.168.77.255 02:00:5e:10:00:20 lab\n", 5, "no address of a host on the LAN"},
        {"host = 192.168.77.1 02:00:5e:10:00:20 lab\n", 5, "the box's own"},
        {"host = 192.168.77.20 02:00:5e:10:00:20 heart\n", 5, "no service `heart`"},
        {"others = heart\n", 5, "no service `heart`"},
        {"others = Lab\n", 5, "neither `all`"},
        {"others = all\nothers = none\n", 6, "`others` is there twice"},
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)snprintf(text, sizeof text, "%s[hosts]\n%s%s", SITE_HEAD, cases[i].text, WAN_DHCP ENROLL);
        read_site(text);
        assert_mistake(cases[i].line, cases[i].wrong);
        assert_int_equal(errors.count, 1);
    }
    read_site(SITE_HEAD WAN_DHCP "[hosts]\n" HOST
                                 "host = 192.168.77.30\t02-00-5E-10-00-AF   none\nothers = none\n" ENROLL);
    assert_good();
    assert_int_equal(site.host_count, 2);
    assert_string_equal(site.hosts[0].service, "lab");
    assert_string_equal(site.hosts[1].service, "");
    assert_int_equal(site.hosts[1].mac[5], 0xaf);
    assert_string_equal(site.others, "none");
    read_site(SITE_HEAD WAN_DHCP ENROLL);
    assert_string_equal(site.others, "all");
    read_site(SITE_HEAD "service = two\n" WAN_DHCP "[hosts]\nothers = lab\n" ENROLL);
    assert_good();
    assert_string_equal(site.others, "lab");
    /* The 65th host. */
    struct conf_parser p;
    errors.count = 0;
    conf_site_begin(&p, "f", &site, &errors);
    conf_line(&p, "[hosts]", 7);
    for (unsigned i = 0; i <= CONF_HOSTS_MAX; i++) {
        int n = snprintf(text, sizeof text, "host = 192.168.77.%u 02:00:5e:10:00:%02x none", i + 2, i);
        conf_line(&p, text, (size_t)n);
    }
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "one host too many");
}

/* A resolver that is the box itself, with the line that says so. */
static void resolver_is_the_box(void **state)
{
    (void)state;
    read_site(SITE_HEAD WAN_DHCP "dns = 192.168.77.1\n" ENROLL);
    assert_mistake(6, "the box itself");
    read_site(SITE_HEAD WAN_DHCP "dns = 192.168.77.40\n" ENROLL);
    assert_mistake(6, "in the network of the PCs");
    read_site(SITE_HEAD "[wan]\nmode = static\naddress = 192.168.1.2/24\ngateway = 192.168.1.1\ndns = 192.168.1.2\n"
                        "ntp = 9.9.9.9\n" ENROLL);
    assert_mistake(8, "the box itself");
    assert_int_equal(errors.count, 1);
}

static void limits(void **state)
{
    struct conf_parser p;
    char text[CONF_LINE_MAX + 64];
    (void)state;
    /* A line that is one octet too long, and one that is not. */
    memset(text, '#', sizeof text);
    errors.count = 0;
    conf_site_begin(&p, "f", &site, &errors);
    conf_line(&p, text, CONF_LINE_MAX);
    assert_int_equal(errors.count, 0);
    conf_line(&p, text, CONF_LINE_MAX + 1);
    assert_mistake(2, "too long");
    /* More mistakes than are kept are counted. */
    errors.count = 0;
    conf_site_begin(&p, "f", &site, &errors);
    for (unsigned i = 0; i < CONF_ERRORS_MAX + 10; i++)
        conf_line(&p, "x", 1);
    assert_int_equal(errors.count, CONF_ERRORS_MAX + 10);
    /* The 65th name. */
    errors.count = 0;
    conf_service_begin(&p, "lab.conf", "lab", &service, &errors);
    conf_line(&p, "[allow]", 7);
    for (unsigned i = 0; i <= CONF_RULES_MAX; i++) {
        int n = snprintf(text, sizeof text, "name = n%u.example tcp/443", i);
        conf_line(&p, text, (size_t)n);
    }
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "one name too many");
    assert_int_equal(service.rule_count, CONF_RULES_MAX);
}

static void password_is_never_quoted(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "[enroll]\npassword = s3cre\n",  "[enroll]\npassword = <s3cret>\n", "[enroll]\npassword: s3cret\n",
        "[enroll]\npassword s3cret\n",   "[enroll]\npassword=s3cret\n",     "[enroll]\npassword =\ns3cret\n",
        "[enroll]\npassword=s3cret==\n", "[enroll]\npassword: s3cret=\n",   "[enroll]\npassword =\ns3cret==\n",
        "[enrol]\npassword: s3cret\n",   "[enrol]\npassword =\ns3cret==\n",
    };
    for (size_t l = 0; l < COUNT(lines); l++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s%s", SITE_HEAD WAN_DHCP, lines[l]);
        read_site(text);
        assert_true(errors.count > 0);
        for (unsigned i = 0; i < errors.count; i++)
            assert_null(strstr(wrong_of(i), "s3cre"));
    }
}

static void bad_service_name(void **state)
{
    static const char *const names[] = {"", "GTOL", "a.b", "a b", "-a", "a234567890123456789012345678901234"};
    struct conf_parser p;
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        errors.count = 0;
        conf_service_begin(&p, "f", names[i], &service, &errors);
        assert_mistake(0, "cannot be a service's name");
    }
}

/* ---- files together ---- */

static void load_all(void **state)
{
    (void)state;
    enter_site();
    put("two/lab.conf", "broken\n"); /* folder one stands before it */
    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nhub = b.example.jp\nremote = 10.30.0.0/16\n"
                      "[dns]\nresolver = wan\n[allow]\nname = b.example.jp tcp/443 tls\n");
    errors.count = 0;
    assert_true(conf_load_all("site.conf", "one", "two", &conf, &errors));
    note();
    assert_int_equal(conf.service_count, 2);
    assert_int_equal(conf.services[1].number, 2);

    /* Two services that cannot live together: each reason is said. */
    put("two/b.conf", SERVICE_HEAD "[tunnel]\nhub = b.example.jp\nremote = 10.20.1.0/24\nremote = 192.168.0.0/16\n"
                                   "[dns]\nresolver = wan\n[allow]\nname = registry.lab.example tcp/443 tls\n");
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 4);
    assert_contains(wrong_of(0), "overlaps the site's LAN");
    assert_contains(wrong_of(1), "the same number");
    assert_contains(wrong_of(2), "networks of services lab and b overlap");
    assert_contains(wrong_of(3), "is listed by service lab too: line 11 there");
    assert_contains(errors.list[3].file, "two/b.conf");
    assert_int_equal(errors.list[3].line, 11);

    /* The uplink's own network is in none of them, nor its DNS server. */
    put("fixed.conf", SITE_HEAD "[wan]\nmode = static\naddress = 10.20.0.5/24\ngateway = 10.20.0.1\ndns = 10.20.0.53\n"
                                "ntp = ntp.nict.jp\n" ENROLL);
    load_with_errors("fixed.conf");
    assert_contains(wrong_of(0), "overlaps the network of the line");
    assert_contains(wrong_of(1), "is behind the hub of lab");

    /* Nor may a wildcard of one cover a name of the other, nor a service's resolver be the box itself. */
    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nhub = b.example.jp\nremote = 192.168.77.0/24\n"
                      "[dns]\nresolver = 192.168.77.1\n[allow]\nname = *.lab.example tcp/443 tls\n");
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 3);
    assert_contains(wrong_of(0), "the box itself");
    assert_int_equal(errors.list[0].line, 8);
    assert_contains(wrong_of(2), "`*.lab.example` is listed by service lab too");
    assert_int_equal(errors.list[2].line, 10);

    assert_int_equal(chdir("/"), 0);
}

/* One address is the hub of one tunnel only: the box's or a PC's. */
static void load_a_hub_of_both_kinds(void **state)
{
    (void)state;
    enter_site();
    put("one/lab.conf", SERVICE_HEAD "[tunnel]\nhub = VPN.example.jp\nremote = 10.20.0.0/16\n" DNS ALLOW);
    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nkind = pc\n"
                      "[allow]\nname = vpn.example.jp udp/500, udp/4500, esp\n");
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "`vpn.example.jp` is the hub of service lab too");
    assert_contains(errors.list[0].file, "two/b.conf");
    assert_int_equal(errors.list[0].line, 7);

    put("turned.conf", "[site]\nname = Example Hospital\nservice = b\nservice = lab\n" WAN_DHCP ENROLL);
    load_with_errors("turned.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(errors.list[0].file, "two/b.conf");

    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nkind = pc\n"
                      "[allow]\nname = vpn2.example.jp udp/500, udp/4500, esp\n");
    errors.count = 0;
    assert_true(conf_load_all("site.conf", "one", "two", &conf, &errors));
    assert_int_equal(chdir("/"), 0);
}

/* A hub that carries everything: alone at a site. What the box needs itself lies outside of it all the same. */
static void load_a_hub_that_carries_everything(void **state)
{
    (void)state;
    enter_site();
    put("one/lab.conf", SERVICE_HEAD "[tunnel]\nhub = 203.0.113.10\nremote = 0.0.0.0/0\nremote = ::/0\n" DNS ALLOW);
    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nhub = b.example.jp\nremote = 10.30.0.0/16\n"
                      "[dns]\nresolver = wan\n[allow]\nname = b.example.jp tcp/443 tls\n");
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "the hub of lab carries everything");
    assert_contains(errors.list[0].file, "one/lab.conf");
    assert_int_equal(errors.list[0].line, 6);

    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nkind = pc\n"
                      "[allow]\nname = vpn.example.jp udp/500, udp/4500, esp\n");
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "so b cannot have a tunnel beside it");

    put("alone.conf", "[site]\nname = Example Hospital\nservice = lab\n" WAN_DHCP ENROLL);
    errors.count = 0;
    assert_true(conf_load_all("alone.conf", "one", "two", &conf, &errors));
    struct prefix known[CONF_PREFIXES_MAX];
    assert_true(conf_carries_all(&conf.services[0]));
    assert_int_equal(conf_registry(&conf.services[0], known), 1);
    assert_int_equal(known[0].len, 32);
    assert_true(addr_equal(&known[0].addr, &conf.services[0].resolver));

    /* Its resolver is not in the LAN, nor in the line's network. */
    put("alone.conf",
        "[site]\nname = Example Hospital\nservice = lab\n[wan]\nmode = static\naddress = 10.20.0.5/24\n"
        "gateway = 10.20.0.1\ndns = 10.20.0.53\nntp = 10.20.0.53\n[lan]\naddress = 10.20.0.9/25\n" ENROLL);
    load_with_errors("alone.conf");
    assert_contains(wrong_of(errors.count - 4), "overlaps the site's LAN");
    assert_contains(wrong_of(errors.count - 3), "overlaps the network of the line");
    assert_contains(wrong_of(errors.count - 2), "is behind the hub of lab");
    assert_contains(wrong_of(errors.count - 1), "own server 10.20.0.53");
    assert_int_equal(chdir("/"), 0);
}

static void load_what_is_not_there(void **state)
{
    (void)state;
    enter_site();
    /* A service that is not there is one mistake, with its path. */
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "cannot open it");
    assert_contains(errors.list[0].file, "two/b.conf");

    errors.count = 0;
    assert_false(conf_load_site("nowhere.conf", &conf.site, &errors));
    note();
    assert_int_equal(errors.count, 1);

    FILE *f = fopen("big.conf", "w");
    assert_non_null(f);
    for (int i = 0; i < 70000; i++)
        (void)fputc('#', f);
    (void)fclose(f);
    errors.count = 0;
    assert_false(conf_load_site("big.conf", &conf.site, &errors));
    note();
    assert_contains(wrong_of(0), "larger than 64 KiB");
    assert_int_equal(chdir("/"), 0);
}

/* A tab is white space; none may get into text that people see. */
static void tabs_are_blanks(void **state)
{
    (void)state;
    read_service("[service]\n\ttitle\t=\tOnly\tone \nnumber = 1\n" TUNNEL DNS ALLOW);
    assert_good();
    assert_string_equal(service.title, "Only one");
}

/* Proposals: each a mistake of another kind. */
static void proposals(void **state)
{
    char big[1024];
    (void)state;
    static const char *const ike[] = {"sha256-ecp384-prfsha256",
                                      "aes256-aes256gcm16-prfsha256-ecp384",
                                      "aes256-prfsha256-ecp384",
                                      "aes256gcm16-ecp384",
                                      "aes256gcm16-prfsha384",
                                      "aes256gcm16-prfsha384-ecp384-noesn",
                                      "aes256-blue",
                                      "aes256gcm16-prfsha384-ecp384,,"};
    for (size_t i = 0; i < COUNT(ike); i++) {
        (void)snprintf(big, sizeof big, SERVICE_HEAD TUNNEL "ike-proposal = %s\n" DNS ALLOW, ike[i]);
        read_service(big);
        assert_int_equal(errors.count, 1);
    }
    read_service(SERVICE_HEAD TUNNEL "ike-proposal = des3-md5-modp1024\n" DNS ALLOW);
    read_service(SERVICE_HEAD TUNNEL "esp-proposal = aes256gcm16-sha256-ecp384\n" DNS ALLOW);
    read_service(SERVICE_HEAD TUNNEL "esp-proposal = aes256gcm16-prfsha384\n" DNS ALLOW);
    read_service(SERVICE_HEAD TUNNEL "esp-proposal = "
                                     "aes256gcm16,aes256gcm16,aes256gcm16,aes256gcm16,aes256gcm16,aes256gcm16,"
                                     "aes256gcm16,aes256gcm16,aes256gcm16\n" DNS ALLOW);
}

/* Further mistakes: files with many of them each. */
static void many_mistakes_in_one_file(void **state)
{
    char big[16384], name[200];
    (void)state;
    read_site("[wan]\ncolour = red\n[lan]\ncolour = red\nprivate-answers = example\n[hosts]\ncolour = red\n[enroll]\n"
              "colour = red\npassword = 0123456789012345678901234567890123456789012345678901234567890123456789\n"
              "server-ca = x\nusername = a:b\n");
    read_service(
        "name = x\n[service]\ncolour = red\n[tunnel]\ncolour = red\n[dns]\ncolour = red\n[allow]\n"
        "colour = red\nname = a.lab.example udp/853\nname = b.lab.example tcp/1, tcp/2, tcp/3, tcp/4, tcp/5, tcp/6, "
        "tcp/7, tcp/8, tcp/9\n[site]\n");
    read_service("[service]\ntitle = Lab\nnumber = 1\n[tunnel]\nhub = 2001:db8::1\nhub-id = x\nremote = "
                 "2001:db8::/32\n[dns]\nresolver = 2001:db8::53\n" ALLOW);
    read_service("[service]\ntitle = Lab\nnumber = 1\n[tunnel]\nhub = hub.example.jp\nhub-id = x\nremote = "
                 "2001:db8::/32\n[dns]\nresolver = wan\n" ALLOW);
    memset(name, 'a', sizeof name);
    memcpy(name + 60, ".", 1);
    memcpy(name + 120, ".example.jp", sizeof ".example.jp");
    (void)snprintf(big, sizeof big,
                   "[service]\ntitle = Lab\nnumber = 1\n[tunnel]\nhub = %s\nremote = 10.0.0.0/16\n" DNS ALLOW, name);
    read_service(big);
    size_t len = (size_t)snprintf(big, sizeof big, SERVICE_HEAD TUNNEL);
    for (unsigned i = 0; i <= CONF_PREFIXES_MAX; i++)
        len += (size_t)snprintf(big + len, sizeof big - len, "remote = 10.%u.0.0/16\n", 100 + i);
    read_service(big);
    read_site(
        "[site]\nname = "
        "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
        "789012345678901234567890\nservice = a\nservice = b\nservice = c\nservice = d\nservice = e\nservice = f\n"
        "service = g\nservice = h\nservice = i\n[wan]\naddress = 192.0.2.1/7\ngateway = 127.0.0.1\nntp = 1.2.3.4\n"
        "ntp = 1.2.3.4\nntp = 1.2.3.4\nntp = 1.2.3.4\nntp = 1.2.3.4\n[lan]\naddress = 127.0.0.1/8\n"
        "dhcp = 2001:db8::1-2001:db8::2\nprivate-answers = co.jp\nprivate-answers = a.example\n"
        "private-answers = a.example\nprivate-answers = b.example\nprivate-answers = c.example\n"
        "private-answers = d.example\nprivate-answers = e.example\nprivate-answers = f.example\n"
        "private-answers = g.example\nprivate-answers = h.example\nprivate-answers = i.example\n[enroll]\n"
        "server-ca = " FINGERPRINT "\nserver-ca = " FINGERPRINT "\nserver-ca = " FINGERPRINT
        "\nserver-ca = " FINGERPRINT "\nserver-ca = " FINGERPRINT "\n");
    memset(big, 'x', CONF_LINE_MAX + 1);
    big[CONF_LINE_MAX + 1] = '\0';
    read_site(big);
    errors.count = 0;
    assert_false(conf_load_site("/proc/self/mem", &site, &errors));
    note();
}

/* The table has no mistake, and no remedy, that these tests do not make. The last of them. */
static void every_mistake_was_made(void **state)
{
    unsigned missing = 0;
    (void)state;
    note();
    for (unsigned i = CAUSE_SECTION_SYNTAX; i < CAUSE_CODES; i++) {
        missing += !raised[i];
        if (!raised[i])
            print_error("%s was not raised\n", cause_word((enum cause_code)i));
    }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(site_minimal),
        cmocka_unit_test(site_full),
        cmocka_unit_test(service_full),
        cmocka_unit_test(refuses_site),
        cmocka_unit_test(refuses_whole_site),
        cmocka_unit_test(refuses_service),
        cmocka_unit_test(on_the_line),
        cmocka_unit_test(tabs_are_blanks),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(hosts),
        cmocka_unit_test(resolver_is_the_box),
        cmocka_unit_test(limits),
        cmocka_unit_test(password_is_never_quoted),
        cmocka_unit_test(bad_service_name),
        cmocka_unit_test(load_all),
        cmocka_unit_test(load_a_hub_of_both_kinds),
        cmocka_unit_test(load_a_hub_that_carries_everything),
        cmocka_unit_test(load_two_ways),
        cmocka_unit_test(load_on_the_line_beside_everything),
        cmocka_unit_test(load_what_is_not_there),
        cmocka_unit_test(proposals),
        cmocka_unit_test(many_mistakes_in_one_file),
        cmocka_unit_test(every_mistake_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
