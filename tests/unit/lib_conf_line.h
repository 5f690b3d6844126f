/* lib_conf_test.c: names on the line (`via line`), in a service file and in a site with others. */
#ifndef LIB_CONF_LINE_H
#define LIB_CONF_LINE_H

#include "lib_conf_fixture.h"
#include "lib_conf_refusals.h"

/* Names of the public internet: whole lines, each port with its name to check. */
static void on_the_line(void **state)
{
    static const struct refusal cases[] = {
        {"name = b.example tcp/443 tls via\n", 12, "behind all of its ports"},
        {"name = b.example tcp/443 tls via tunnel\n", 12, "behind all of its ports"},
        {"name = b.example tcp/443 tls via line before x\n", 12, "behind all of its ports"},
        {"name = b.example tcp/443 tls via line, udp/123\n", 12, "behind all of its ports"},
        {"name = b.example tcp/443 tls before\n", 12, "`before` without `via line`"},
        {"name = b.example tcp/443 via line\n", 12, "without `tls`"},
        {"name = b.example tcp/443 tls, tcp/80 via line\n", 12, "without `tls`"},
        {"name = b.example tcp/440-443 tls via line\n", 12, "not tcp/PORT or udp/PORT"},
        {"name = b.example via line\n", 12, "not tcp/PORT or udp/PORT"},
        {"name = *.co.jp tcp/443 tls via line\n", 12, "at the top level"},
        {"name = *.b2clogin.com tcp/443 tls via line\n", 12, "all customers of a provider"},
        {"name = *.windows.net tcp/443 tls via line\n", 12, "all customers of a provider"},
        {"name = registry.lab.example tcp/443 tls via line\n", 12, "has a line already"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[1024];
        snprintf(text, sizeof text, SERVICE_HEAD TUNNEL DNS ALLOW "%s", cases[i].text);
        read_service(text);
        assert_mistake(cases[i].line, cases[i].wrong);
    }
    read_service(SERVICE_HEAD TUNNEL DNS "[allow]\nname = a.example tcp/443 tls via line\n");
    assert_mistake(11, "no question would ever raise the tunnel");
    read_service(SERVICE_HEAD TUNNEL DNS ALLOW "name = tenant.b2clogin.com tcp/443 tls ech-noise via line\n"
                                               "name = *.msauth.example \ttcp/443 tls, udp/123  via\tline  before \n"
                                               "name = login.registry.example tcp/443 tls via line\n"
                                               "name = *.registry.example tcp/443 tls\n");
    assert_good();
    assert_false(service.rules[0].via_line);
    assert_true(service.rules[1].via_line && !service.rules[1].before && service.rules[1].ech_noise);
    assert_true(service.rules[2].via_line && service.rules[2].before);
    assert_int_equal(service.rules[2].port_count, 2);
    assert_true(service.rules[3].via_line && !service.rules[4].via_line);
}

/* A name has one way, whatever services it is in. */
static void load_two_ways(void **state)
{
    (void)state;
    enter_site();
    put("two/b.conf", "[service]\ntitle = B\nnumber = 2\n[tunnel]\nhub = b.example.jp\nremote = 10.30.0.0/16\n"
                      "[dns]\nresolver = 10.30.0.53\n[allow]\nname = b.example tcp/443 tls\n"
                      "name = registry.lab.example tcp/443 tls via line\n");
    load_with_errors("site.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "goes one way here and the other way in service lab");
    assert_int_equal(errors.list[0].line, 11);
    (void)unlink("two/b.conf");
    assert_int_equal(chdir("/"), 0);
}

/* The registry's are the addresses that the box has learned; a name on the line has others. */
static void load_on_the_line_beside_everything(void **state)
{
    (void)state;
    enter_site();
    put("alone.conf", "[site]\nname = Example Hospital\nservice = lab\n" WAN_DHCP ENROLL);
    put("one/lab.conf", SERVICE_HEAD "[tunnel]\nhub = 203.0.113.10\nremote = 0.0.0.0/0\n" DNS ALLOW
                                     "name = login.example.com tcp/443 tls via line\n");
    errors.count = 0;
    assert_true(conf_load_all("alone.conf", "one", "two", &conf, &errors));
    assert_true(conf.services[0].rules[1].via_line);
    assert_int_equal(chdir("/"), 0);
}

#endif
