/* The LEDs: what they show, and the files that they are switched by. */
#include "test.h"

#include "leds.h"

#include <sys/stat.h>
#include <unistd.h>

static struct health h;

static void set(enum health_file file, const char *text)
{
    h.has[file] = text != NULL;
    (void)snprintf(h.text[file], sizeof h.text[file], "%s", text ? text : "");
}

static void shows(void **state)
{
#define ENROLL_GOOD "version 1\nphase valid\n"
#define GATE_IDLE "version 1\nsession idle\ntunnel down\n"
    static const struct {
        const char *gate, *enroll, *audit;
        uint64_t uptime;
        enum pattern power, vpn, alert;
    } cases[] = {
        {NULL, NULL, NULL, 5, LED_BLINK, LED_OFF, LED_OFF},  /* starting */
        {NULL, NULL, NULL, 100, LED_BLINK, LED_OFF, LED_ON}, /* did not start */
        {GATE_IDLE, ENROLL_GOOD, "version 1\n", 100, LED_ON, LED_OFF, LED_OFF},
        {"version 1\nsession raising\ntunnel down\n", ENROLL_GOOD, "version 1\n", 100, LED_ON, LED_BLINK, LED_OFF},
        {"version 1\nsession up\ntunnel up\n", ENROLL_GOOD, "version 1\n", 100, LED_ON, LED_ON, LED_OFF},
        {"version 1\nsession fault\n", ENROLL_GOOD, "version 1\n", 100, LED_BLINK, LED_OFF, LED_ON},
        {"version 1\nsession idle\ncause hub-silent\n", ENROLL_GOOD, "version 1\n", 100, LED_ON, LED_OFF, LED_ON},
        {GATE_IDLE, "version 1\nphase alarm\ncause hub-silent\n", "version 1\n", 100, LED_ON, LED_OFF, LED_ON},
        {GATE_IDLE, "version 1\nphase waiting\ncause hub-silent\n", "version 1\n", 100, LED_ON, LED_OFF, LED_ON},
        {GATE_IDLE, "version 1\nphase waiting\ncause hub-silent\n", "version 1\n", 10, LED_ON, LED_OFF, LED_OFF},
        {GATE_IDLE, "version 1\nphase enrolling\n", "version 1\n", 100, LED_ON, LED_OFF, LED_OFF},
        {GATE_IDLE, ENROLL_GOOD "cause hub-silent\n", "version 1\n", 100, LED_ON, LED_OFF,
         LED_OFF}, /* renewal is tried again */
        {GATE_IDLE, ENROLL_GOOD, "version 1\ncause hub-silent\n", 100, LED_ON, LED_OFF, LED_ON},
        {GATE_IDLE, ENROLL_GOOD, NULL, 100, LED_ON, LED_OFF, LED_ON},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        memset(&h, 0, sizeof h);
        set(HEALTH_GATE, cases[i].gate);
        set(HEALTH_ENROLL, cases[i].enroll);
        set(HEALTH_AUDIT, cases[i].audit);
        if (pattern_of(LED_POWER, &h, cases[i].uptime) != cases[i].power ||
            pattern_of(LED_VPN, &h, cases[i].uptime) != cases[i].vpn ||
            pattern_of(LED_ALERT, &h, cases[i].uptime) != cases[i].alert)
            fail_msg("case %zu", i);
    }
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void switches(void **state)
{
    char dir[] = "/tmp/leds-XXXXXX", path[128], text[16] = "";
    struct leds l;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/sekisho:power", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    put(path, "brightness", "0\n");
    put(path, "max_brightness", "7\n");
    put(dir, "map", "# the board\npower sekisho:power\nvpn sekisho:vpn\nalert ../../etc\ncolour x\npower again\n");
    (void)snprintf(path, sizeof path, "%s/map", dir);
    assert_int_equal(leds_open(&l, path, dir, 0), 1); /* one is there, the others are left out */
    assert_int_equal(leds_set(&l, LED_POWER, true), 0);
    assert_int_equal(leds_set(&l, LED_VPN, true), 0);
    (void)snprintf(path, sizeof path, "%s/sekisho:power/brightness", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    (void)fclose(f);
    assert_string_equal(text, "7\n");
    assert_int_equal(leds_open(&l, "/nowhere", dir, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows),
        cmocka_unit_test(switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
