/* Times in the site's zone: what is an offset, what is written, and what is read back. */
#include "test.h"

#include "zone.h"

#include <stdlib.h>
#include <unistd.h>

static void offsets(void **state)
{
    static const struct {
        const char *text;
        int minutes;
    } good[] = {{"+09:00", 540}, {"+00:00", 0},    {"-12:00", -720}, {"+14:00", 840},
                {"+05:45", 345}, {"-03:30", -210}, {"+12:45", 765},  {"-00:15", -15}};
    static const char *const bad[] = {
        "",       "9",      "+9:00",  "09:00",  "+0900",  "+09:00 ",    "+09:60",
        "+14:15", "-12:15", "-00:00", "+99:99", "+09:05", "Asia/Tokyo", "JST",
        "UTC",    "Z",      "+09;00", "+0x:00", "+09:0",  "+09:000",    "\xef\xbc\x8b:00"};
    (void)state;
    int minutes;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(zone_parse(good[i].text, &minutes));
        assert_int_equal(minutes, good[i].minutes);
        char text[ZONE_TEXT_MAX];
        zone_set(minutes);
        assert_string_equal(zone_offset(text), good[i].text);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (zone_parse(bad[i], &minutes))
            fail_msg("`%s` was taken", bad[i]);
}

static void texts(void **state)
{
    char text[ZONE_TEXT_MAX];
    (void)state;
    zone_set(540);
    assert_string_equal(zone_stamp(1795250000, text), "2026-11-21T17:33:20+09:00");
    assert_string_equal(zone_minute(1795250000, text), "2026-11-21 17:33 +09:00");
    assert_string_equal(zone_second(1795250000, text), "17:33:20 +09:00");
    assert_string_equal(zone_stamp(1798729200, text), "2027-01-01T00:00:00+09:00"); /* a year before UTC */
    zone_set(-210);
    assert_string_equal(zone_stamp(1795250000, text),
                        "2026-11-21T05:03:20-03:30"); /* over midnight in the other zone */
    assert_string_equal(zone_stamp(-1, text), "1969-12-31T20:29:59-03:30");
    static const int64_t far[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2};
    for (size_t i = 0; i < COUNT(far); i++)
        assert_string_equal(zone_stamp(far[i], text), "0000-00-00T00:00:00-03:30");
    assert_true(strlen(zone_minute(99999999999999, text)) < ZONE_TEXT_MAX);
    zone_set(540);
}

static void reads(void **state)
{
    static const struct {
        const char *text;
        unsigned length;
    } words[] = {{"2026-11-21T08:33:20Z 000007 gate", 20},
                 {"2026-11-21T17:33:20+09:00 000007 gate", 25},
                 {"2026-11-21T05:03:20-03:30", 25},
                 {"2026-11-21T17:33:20+09:0", 0},
                 {"2026-11-21T17:33:20+09:00", 25},
                 {"2026-11-21T17:33:20", 0},
                 {"2026-11-21 17:33:20Z", 0},
                 {"x026-11-21T17:33:20Z", 0},
                 {"2026-11-21T17:33:20+99:00 ", 0},
                 {"", 0}};
    int64_t when;
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_int_equal(zone_read(words[i].text, (unsigned)strlen(words[i].text), &when), words[i].length);
        if (words[i].length > 0)
            assert_int_equal(when, 1795250000);
    }
    assert_int_equal(zone_read("2026-11-21T08:33:20Z", 19, NULL), 0); /* not behind what is there */
    /* Numbers that no calendar has give some time, and nothing worse. */
    assert_int_equal(zone_read("9999-99-99T99:99:99+14:00", 25, &when), 25);
}

/* Of a site file the key alone counts here, whatever else is wrong in it; without a file it is Japan. */
static void sites(void **state)
{
    static const struct {
        const char *file, *offset;
    } cases[] = {{"[site]\ntimezone = -03:30\ncolour = green\n", "-03:30"},
                 {"[site]\ntimezone = Asia/Tokyo\n", "+09:00"},
                 {"", "+09:00"}};
    char path[] = "/tmp/zone-XXXXXX", text[ZONE_TEXT_MAX];
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, cases[i].file, strlen(cases[i].file), 0), strlen(cases[i].file));
        zone_set(0);
        zone_of_site(path);
        assert_string_equal(zone_offset(text), cases[i].offset);
    }
    close(fd);
    assert_int_equal(unlink(path), 0);
    zone_set(0);
    zone_of_site(path);
    assert_string_equal(zone_offset(text), "+09:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets),
        cmocka_unit_test(texts),
        cmocka_unit_test(reads),
        cmocka_unit_test(sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
