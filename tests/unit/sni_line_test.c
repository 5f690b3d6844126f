/* ClientHellos on the line: names that are listed for it, whatever service lists them, and no others. */
#include "test.h"

#include "sni_fixture.h"

#define LOGIN_NAME "login.provider.example"

static struct world w; /* large */
static struct octets o;

static void line(const char *name, uint8_t service, bool noise)
{
    struct msg_name m = {.id = (uint16_t)w.f.listed.count, .service = service, .ech_noise = noise, .via_line = 1};
    snprintf(m.name, sizeof m.name, "%s", name);
    MUST(allowlist_add(&w.f.listed, &m));
}

/* A ClientHello for this name, in a flow that goes this way: what does gate hear? */
static int said(uint8_t way, enum msg_mode_kind mode, struct shape s)
{
    world_start(&w);
    w.f.listed.complete = false;
    line(LOGIN_NAME, 2, false);
    line("*.files.provider.example", 1, true);
    w.f.listed.complete = true;
    world_mode(&w, mode, 8);
    w.way = way;
    world_synack(&w);
    o.len = 0;
    put_hello_in(&o, &s, 0);
    int what = world_said(&w, world_piece(&w, &o, 0, o.len));
    assert_int_equal(world_last(&w)->service, way);
    return what;
}

static void test_names_of_the_line(void **state)
{
    (void)state;
    static const enum msg_mode_kind modes[] = {MODE_SESSION, MODE_BEFORE};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(said(MSG_ON_LINE, modes[i], (struct shape){.name = LOGIN_NAME, TLS13}), FLOW_NAME);
        assert_int_equal(said(MSG_ON_LINE, modes[i],
                              (struct shape){.name = "a.files.provider.example", TLS13, .ech = true}),
                         FLOW_NAME);
        assert_int_equal(said(MSG_ON_LINE, modes[i], (struct shape){.name = LOGIN_NAME, TLS13, .ech = true}), FLOW_ECH);
        assert_int_equal(said(MSG_ON_LINE, modes[i], (struct shape){.name = "other.provider.example", TLS13}),
                         FLOW_NOT_LISTED);
        assert_int_equal(said(MSG_ON_LINE, modes[i], (struct shape){.name = REGISTRY_NAME, TLS13}), FLOW_NOT_LISTED);
        assert_int_equal(said(2, modes[i], (struct shape){.name = LOGIN_NAME, TLS13}), FLOW_NOT_LISTED);
    }
    assert_int_equal(said(MSG_ON_LINE, MODE_CLOSED, (struct shape){.name = LOGIN_NAME, TLS13}), FLOW_DROP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names_of_the_line)};
    return cmocka_run_group_tests_name("sni_line", tests, NULL, NULL);
}
