/* Addresses and networks as tests write them. After cmocka.h. */
#ifndef SEKISHO_TEST_ADDR_H
#define SEKISHO_TEST_ADDR_H

#include "conf.h"

static inline struct addr address(const char *text)
{
    struct addr a;
    assert_true(conf_parse_addr(text, &a));
    return a;
}

static inline struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_true(conf_parse_prefix(text, &p));
    return p;
}

#endif
