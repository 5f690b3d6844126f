/* The configuration parser: what it says to write where the tunnel is the PC's own. (lib_conf_test.c has the refusals.) */
#include "lib_conf_fixture.h"

/* Every mistake in [allow] says what may stand there with this kind of tunnel, wherever in the file the kind is. */
static void remedies_are_of_the_kind(void **state)
{
    static const struct {
        const char *text;
        enum cause_code remedy;
    } cases[] = {
        {OWN "[allow]\nname = <name of the VPN server>\n", CAUSE_WRITE_PC_NAME},
        {OWN "[allow]\nname = vpn.example.jp ike\n", CAUSE_WRITE_PC_NAME},
        {OWN, CAUSE_WRITE_PC_NAME},
        {SERVICE_HEAD "[allow]\nname = vpn.example.jp esp/1\n[tunnel]\nkind = pc\n", CAUSE_WRITE_PC_NAME},
        {ALLOWED "<name>\n", CAUSE_WRITE_ALLOW_NAME},
        {ALLOWED "www.example.jp ike\n", CAUSE_WRITE_ALLOW_NAME},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        read_service(cases[i].text);
        assert_int_equal(errors.count, 1);
        assert_int_equal(errors.list[0].remedy, cases[i].remedy);
    }
    /* Of this file only: the mistakes of all files of a site are in one list. */
    struct conf_parser p;
    errors.count = 0;
    conf_service_begin(&p, "box.conf", "box", &service, &errors);
    feed(&p, ALLOWED "<name>\n");
    conf_service_begin(&p, "own.conf", "own", &service, &errors);
    feed(&p, OWN "[allow]\nname = <name>\n");
    assert_int_equal(errors.count, 2);
    assert_int_equal(errors.list[0].remedy, CAUSE_WRITE_ALLOW_NAME);
    assert_int_equal(errors.list[1].remedy, CAUSE_WRITE_PC_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remedies_are_of_the_kind),
    };
    return cmocka_run_group_tests_name("lib_conf_pc", tests, NULL, NULL);
}
