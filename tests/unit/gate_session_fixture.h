/* A fake kernel, a fake charon and a clock of our own around the session's state machine. */
#ifndef GATE_SESSION_FIXTURE_H
#define GATE_SESSION_FIXTURE_H

#include "cause_text.h"
#include "session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fake {
    struct firewall_view kernel; /* the kernel's present state */
    bool kernel_refuses, charon_refuses;
    bool no_probe; /* there is nothing to ask through the tunnel */
    unsigned probed[9];
    unsigned refuse_next; /* so many changes */
    unsigned helpless;
    unsigned applied, forgotten, initiated[9], terminated[9];
    uint32_t last_forgotten, random;
    uint64_t activity, now;
    struct msg_mode told; /* the last mode sent to dns */
    uint8_t failed;       /* all failures sent to dns */
    bool has_ike_sa[9];       /* charon holds an IKE_SA */
    bool going[9];        /* and was told to take it down */
    bool sockets[9];      /* resolver sockets open */
    char audit[4096];
} fake;
static struct session s;
static struct conf conf;

static int apply(void *user, const struct firewall_view *view)
{
    (void)user;
    if (fake.kernel_refuses || fake.refuse_next > 0) {
        fake.refuse_next -= fake.refuse_next > 0;
        errno = ENOENT;
        return -1;
    }
    fake.applied++;
    fake.kernel = *view;
    return 0;
}

static void forget(void *user, uint32_t generation)
{
    (void)user;
    fake.forgotten++;
    fake.last_forgotten = generation;
}

static uint64_t activity(void *user)
{
    (void)user;
    return fake.activity;
}

static int initiate(void *user, uint8_t service)
{
    (void)user;
    fake.initiated[service]++;
    if (fake.charon_refuses)
        return -1;
    assert_false(fake.going[service]); /* an IKE_SA that is being taken down is not to be used again */
    fake.has_ike_sa[service] = true;
    return 0;
}

static bool probe(void *user, uint8_t service)
{
    (void)user;
    fake.probed[service]++;
    return !fake.no_probe;
}

static void terminate(void *user, uint8_t service)
{
    (void)user;
    fake.terminated[service]++;
    fake.going[service] = true;
}

static bool has_ike_sa(void *user, uint8_t service)
{
    (void)user;
    return fake.has_ike_sa[service];
}

static void tunnel(void *user, uint8_t service, const struct firewall_tunnel *t)
{
    (void)user;
    fake.sockets[service] = t != NULL;
}

/* Every cause that was told in the tests of this program. */
static bool raised[CAUSE_CODES];

static inline void note(const struct cause *c)
{
    struct cause_arg a = {0};
    assert_true(cause_valid(c));
    raised[c->code] = true;
    while (cause_next(c, &a))
        if (a.kind == 'c')
            raised[cause_by_word(a.value)] = true;
}

static inline void note_all(void)
{
    note(&s.reason);
    note(&s.fault);
    note(&s.last_end);
    note(&s.refused);
}

/* What people would read; "" for none. */
static inline const char *said(const struct cause *c)
{
    static char text[CAUSE_TEXT_MAX];
    raised[c->code] = true;
    return cause_sentence(c, CAUSE_EN, CAUSE_WRONG, text);
}

static void announce(void *user, const struct msg_mode *mode)
{
    (void)user;
    note_all();
    fake.told = *mode;
    fake.failed |= mode->failed;
    /* Nobody may be told of a mode that the kernel does not have. */
    if (mode->mode != MODE_CLOSED) {
        assert_int_equal(mode->mode, fake.kernel.mode);
        assert_int_equal(mode->generation, mode->mode == MODE_INTERNET ? 0 : fake.kernel.generation);
    }
}

static void changed(void *user)
{
    (void)user;
    note_all();
}

static void audit(void *user, const char *event, const char *details)
{
    (void)user;
    size_t n = strlen(fake.audit);
    snprintf(fake.audit + n, sizeof fake.audit - n, "%s %s\n", event, details);
}

static uint32_t random32(void *user)
{
    (void)user;
    return ++fake.random;
}

static uint64_t now(void *user)
{
    (void)user;
    return fake.now;
}

static void helpless(void *user)
{
    (void)user;
    fake.helpless++;
}

static const struct session_ops ops = {apply,  forget,   activity, initiate, probe, terminate, has_ike_sa,
                                       tunnel, announce, helpless, changed,  audit, random32,  now};

static void setup(enum conf_outside outside, enum conf_start start)
{
    memset(&fake, 0, sizeof fake);
    memset(&conf, 0, sizeof conf);
    fake.now = 1000;
    conf.site.outside = outside;
    conf.site.start = start;
    conf.site.idle_s = 60;
    conf.service_count = 2;
    strcpy(conf.services[0].name, "lab");
    conf.services[0].number = 1;
    strcpy(conf.services[1].name, "nanbyo");
    conf.services[1].number = 4;
    session_init(&s, &conf, &ops, NULL);
    fake.kernel.mode = MODE_INTERNET; /* whatever it was: begin must close it */
    session_begin(&s);
    assert_int_equal(fake.kernel.mode, MODE_CLOSED);
}

static void ready(void)
{
    session_charon(&s, true);
    session_credentials(&s, true);
    session_wan(&s, true, false);
}

static void up(uint8_t service)
{
    struct firewall_tunnel t = {service, {AF_INET, {10, 9, 0, service}}, {0}, {AF_INET, {192, 0, 2, service}}, false};
    fake.has_ike_sa[service] = true;
    session_tunnel_up(&s, &t);
}

/* charon has done what it was told to do. */
static void taken_down(uint8_t service)
{
    fake.has_ike_sa[service] = fake.going[service] = false;
    session_taken_down(&s, service);
}

/* A whole session of the first service. */
static void raise_first(void)
{
    ready();
    session_want(&s, 1, NULL);
    up(1);
    assert_int_equal(s.state, SESSION_UP);
}

static void later(uint64_t ms)
{
    fake.now += ms;
    session_tick(&s);
    session_tick_tunnels(&s);
}

static void assert_closed(void)
{
    assert_int_equal(fake.kernel.mode, MODE_CLOSED);
    assert_int_equal(fake.kernel.generation, 0);
    assert_int_equal(fake.kernel.tunnel_count, 0);
    assert_int_equal(fake.told.mode, MODE_CLOSED);
    assert_int_equal(fake.told.services_up, 0);
}

#endif
