/* What a site and a service say together: servers of the box's own behind a hub. */
#include "lib_conf_fixture.h"

/* The box asks its own servers without the tunnel, where nothing for the registry's networks leaves. */
static void load_servers_behind_the_hub(void **state)
{
    (void)state;
    enter_site();
    put("servers.conf", "[site]\nname = Example Hospital\nservice = lab\n[wan]\nmode = dhcp\nntp = 10.20.0.123\n"
                        "ntp = 10.21.0.123\n[enroll]\nserver = 10.20.0.9\nca-fingerprint = " FINGERPRINT
                        "\nusername = box\npassword = once-only-1\ndevice = box-0001\n");
    put("one/lab.conf", SERVICE_HEAD TUNNEL DNS ALLOW);
    load_with_errors("servers.conf");
    assert_int_equal(errors.count, 2);
    assert_contains(wrong_of(0), "own server 10.20.0.9");
    assert_contains(wrong_of(1), "own server 10.20.0.123");
    /* A hub that carries everything: its resolver. */
    put("one/lab.conf", SERVICE_HEAD "[tunnel]\nhub = 203.0.113.10\nremote = 0.0.0.0/0\n[dns]\n"
                                     "resolver = 10.20.0.9\n" ALLOW);
    load_with_errors("servers.conf");
    assert_int_equal(errors.count, 1);
    assert_contains(wrong_of(0), "own server 10.20.0.9");
    assert_int_equal(chdir("/"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_servers_behind_the_hub),
    };
    return cmocka_run_group_tests_name("lib_conf_servers", tests, NULL, NULL);
}
