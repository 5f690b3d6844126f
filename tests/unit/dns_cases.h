/* Set-up and checks shared by the tests of frontend.c: on top of the fixture, for cmocka. */
#ifndef SEKISHO_DNS_CASES_H
#define SEKISHO_DNS_CASES_H

#include "dns_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct world w;

static inline int setup(void **state)
{
    (void)state;
    world_start(&w);
    return 0;
}

/* In session 7 with the tunnel of service 1 up. */
static inline int setup_session(void **state)
{
    setup(state);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    return 0;
}

static inline int setup_internet(void **state)
{
    setup(state);
    world_mode(&w, MODE_INTERNET, 0, 0, 0);
    return 0;
}

static inline void assert_error(const struct seen *s, unsigned rcode, int ede)
{
    assert_int_equal(s->rcode, rcode);
    assert_int_equal(s->count, 0);
    assert_int_equal(s->ede, ede);
}

static inline void assert_addr(const struct seen *s, const char *text)
{
    struct addr a = addr_of(text);
    assert_int_equal(s->rcode, DNS_NOERROR);
    assert_int_equal(s->count, 1);
    assert_true(addr_equal(&s->addrs[0], &a));
}

static inline void assert_refused(unsigned why, const char *name, const char *answer)
{
    int i = told_last(&w, MSG_REFUSED);
    assert_true(i >= 0);
    assert_int_equal(w.gate[i].u.refused.why, why);
    assert_string_equal(w.gate[i].u.refused.name, name);
    struct addr a = {.family = 0};
    if (answer != NULL)
        a = addr_of(answer);
    assert_int_equal(w.gate[i].u.refused.answer.family, a.family);
    assert_memory_equal(w.gate[i].u.refused.answer.bytes, a.bytes, sizeof(a.bytes));
}

#endif
