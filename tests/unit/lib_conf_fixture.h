/* Texts of site and service files for lib_conf_test.c, and the parser's results for them. */
#ifndef LIB_CONF_FIXTURE_H
#define LIB_CONF_FIXTURE_H

#include "test.h"

#include "cause_text.h"
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

#define SITE_HEAD "[site]\nname = Example Hospital\nservice = lab\n"
#define WAN_DHCP "[wan]\nmode = dhcp\n"
#define ENROLL                                                                                                         \
    "[enroll]\nserver = est.example.jp\nca-fingerprint = " FINGERPRINT                                                 \
    "\nusername = box\npassword = once-only-1\ndevice = box-0001\n"

#define SERVICE_HEAD "[service]\ntitle = Lab\nnumber = 1\n"
#define TUNNEL "[tunnel]\nhub = 203.0.113.10\nhub-id = hub.lab.example\nremote = 10.20.0.0/16\n"
#define DNS "[dns]\nresolver = 10.20.0.53\n"
#define ALLOWED SERVICE_HEAD TUNNEL DNS "[allow]\nname = " /* a file up to there */
#define OWN SERVICE_HEAD "[tunnel]\nkind = pc\n" /* the tunnel is the PC's own */
#define OWN_ALLOW "[allow]\nname = vpn.example.jp udp/500, udp/4500, esp\n"
#define ALLOW "[allow]\nname = registry.lab.example tcp/443 tls\n"

static inline void feed(struct conf_parser *p, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        conf_line(p, text, n);
        text += n + (text[n] == '\n');
    }
    conf_end(p);
}

static struct conf_errors errors;
static struct conf_site site;
static struct conf_service service;

/* Every mistake that was made in these tests, whatever they looked at. */
static bool raised[CAUSE_CODES];

static inline void note(void)
{
    for (unsigned i = 0; i < errors.count && i < CONF_ERRORS_MAX; i++) {
        raised[errors.list[i].wrong.code] = raised[errors.list[i].remedy] = true;
        assert_true(cause_valid(&errors.list[i].wrong));
    }
}

/* In English; tests of what a value must not get into look at it too. */
static inline const char *wrong_of(unsigned i)
{
    static char text[CAUSE_TEXT_MAX];
    note();
    return cause_text(&errors.list[i].wrong, CAUSE_EN, CAUSE_WRONG, text);
}

static inline void read_site(const char *text)
{
    struct conf_parser p;
    errors.count = 0;
    conf_site_begin(&p, "site.conf", &site, &errors);
    feed(&p, text);
    note();
}

static inline void read_service(const char *text)
{
    struct conf_parser p;
    errors.count = 0;
    conf_service_begin(&p, "lab.conf", "lab", &service, &errors);
    feed(&p, text);
    note();
}

static inline void assert_good(void)
{
    if (errors.count > 0)
        fail_msg("line %u: %s", errors.list[0].line, wrong_of(0));
}

/* The first mistake is this one, and it tells what to do. */
static inline void assert_mistake(unsigned line, const char *wrong)
{
    if (errors.count == 0)
        fail_msg("accepted, but should say \"%s\"", wrong);
    assert_contains(wrong_of(0), wrong);
    assert_int_equal(errors.list[0].line, line);
    assert_true(errors.list[0].remedy != CAUSE_NONE);
    assert_true(strlen(errors.list[0].file) > 0);
}

/* ---- files together ---- */

static inline void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static struct conf conf;

static inline void load_with_errors(const char *site_file)
{
    errors.count = 0;
    assert_false(conf_load_all(site_file, "one", "two", &conf, &errors));
    note();
}

/* In a folder of its own: a site with the services lab and b, and only lab's file. */
static inline void enter_site(void)
{
    char dir[] = "/tmp/conf-XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    (void)mkdir("one", 0755);
    (void)mkdir("two", 0755);
    put("site.conf", SITE_HEAD "service = b\n" WAN_DHCP ENROLL);
    put("one/lab.conf", SERVICE_HEAD TUNNEL DNS ALLOW);
}

#endif
