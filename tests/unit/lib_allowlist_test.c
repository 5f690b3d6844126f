/* The listed names: which line covers a name. */
#include "allowlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define REGISTRY_NAME "registry.lab.example"
#define OTHER_NAME "other.example.org"

static struct allowlist listed;

static int setup(void **state)
{
    (void)state;
    memset(&listed, 0, sizeof(listed));
    return 0;
}

static bool add(unsigned id, unsigned service, const char *name)
{
    struct msg_name n = {.id = (uint16_t)id, .service = (uint8_t)service};
    snprintf(n.name, sizeof(n.name), "%s", name);
    return allowlist_add(&listed, &n);
}

/* As gate and sni ask, and as dns does: one answer. */
static int find(const char *name)
{
    uint8_t wire[DNS_WIRE_NAME_MAX], len = dns_name_to_wire(name, wire);
    int id = allowlist_find_wire(&listed, wire, len);
    assert_int_equal(allowlist_find(&listed, name), id);
    return id;
}

static void test_listed_finds_exactly(void **state)
{
    (void)state;
    assert_int_equal(find(REGISTRY_NAME), -1);
    assert_true(add(0, 1, REGISTRY_NAME));
    assert_true(add(1, 2, OTHER_NAME));
    assert_int_equal(find(REGISTRY_NAME), 0);
    assert_int_equal(find(OTHER_NAME), 1);
    assert_int_equal(find("lab.example"), -1);
    assert_int_equal(find("x." REGISTRY_NAME), -1);
    assert_int_equal(find("registry.lab.exampl"), -1);
    assert_int_equal(listed.names[1].service, 2);
}

static void test_listed_refuses(void **state)
{
    (void)state;
    struct msg_name endless = {.id = 1, .service = 1};
    memset(endless.name, 'a', sizeof(endless.name));
    assert_false(add(1, 1, REGISTRY_NAME)); /* a gap */
    assert_true(add(0, 1, REGISTRY_NAME));
    assert_false(add(0, 1, OTHER_NAME));    /* an id twice */
    assert_false(add(1, 1, REGISTRY_NAME)); /* a name twice */
    assert_false(add(1, 0, OTHER_NAME));
    assert_false(add(1, CONF_SERVICES_MAX + 1, OTHER_NAME));
    assert_false(add(1, 1, "Other.example.org"));
    assert_false(add(1, 1, "single"));
    assert_false(add(1, 1, "other.example.org."));
    assert_false(add(1, 1, ""));
    assert_false(allowlist_add(&listed, &endless));
    assert_int_equal(listed.count, 1);
}

static void test_listed_full(void **state)
{
    (void)state;
    char name[64];
    for (unsigned i = 0; i < ALLOWLIST_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.lab.example", i);
        assert_true(add(i, 1 + i % CONF_SERVICES_MAX, name));
    }
    assert_false(add(ALLOWLIST_MAX, 1, "more.lab.example"));
    for (unsigned i = 0; i < ALLOWLIST_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.lab.example", i);
        assert_int_equal(find(name), i);
    }
    assert_int_equal(find("more.lab.example"), -1);
}

static void test_listed_begins_anew(void **state)
{
    (void)state;
    assert_true(add(0, 1, REGISTRY_NAME));
    listed.complete = true;
    assert_false(add(1, 1, OTHER_NAME)); /* the list was complete */
    assert_true(add(0, 1, OTHER_NAME));
    assert_false(listed.complete);
    assert_int_equal(find(REGISTRY_NAME), -1);
    assert_int_equal(find(OTHER_NAME), 0);
}

static void test_listed_wildcards(void **state)
{
    (void)state;
    assert_true(add(0, 1, "*.lab.example"));
    assert_true(add(1, 2, "www.lab.example"));
    assert_true(add(2, 3, "*.deep.lab.example"));
    assert_true(add(3, 1, "lab.example")); /* beside its own wildcard */
    assert_false(add(4, 1, "*.lab.example"));
    assert_int_equal(find("x.lab.example"), 0);
    assert_int_equal(find("y.x.lab.example"), 0);
    assert_int_equal(find("www.lab.example"), 1); /* the exact name wins */
    assert_int_equal(find("x.www.lab.example"), 0);
    assert_int_equal(find("deep.lab.example"), 0);
    assert_int_equal(find("x.deep.lab.example"), 2); /* the longer wildcard wins */
    assert_int_equal(find("lab.example"), 3);
    assert_int_equal(find("xlab.example"), -1); /* not on a label border */
    assert_int_equal(find("x.lab.example.org"), -1);
    assert_int_equal(find("example"), -1);
    /* A ClientHello that is not all there yet: any beginning below a wildcard, else that of a name of the service. */
    assert_true(allowlist_begins(&listed, 1, "z"));
    assert_true(allowlist_begins(&listed, 2, "ww"));
    assert_false(allowlist_begins(&listed, 2, "x"));
    assert_false(allowlist_begins(&listed, 5, ""));
}

/* The last line of one list is not that of the next: nothing of the old one is found. */
static void test_nothing_of_the_old_list(void **state)
{
    (void)state;
    assert_true(add(0, 1, "*.lab.example"));
    assert_true(add(1, 1, OTHER_NAME));
    allowlist_clear(&listed);
    assert_int_equal(find("x.lab.example"), -1);
    assert_int_equal(find(OTHER_NAME), -1);
    assert_true(add(0, 2, OTHER_NAME));
    assert_int_equal(find(OTHER_NAME), 0);
    assert_int_equal(find("x.lab.example"), -1);
}

static int find_wire(const char *octets, uint8_t len)
{
    return allowlist_find_wire(&listed, (const uint8_t *)octets, len);
}

/* What gate and sni could not take for a name, or would take for another one, is not listed below a wildcard. */
static void test_wildcards_take_host_names_only(void **state)
{
    (void)state;
    char label[70], name[300];
    assert_true(add(0, 1, "*.lab.example"));
    assert_int_equal(find("_dmarc.lab.example"), -1);
    assert_int_equal(find("-x.lab.example"), -1);
    assert_int_equal(find_wire("\003a.b\003lab\007example", 17), -1);
    assert_int_equal(find_wire("\003a\0b\003lab\007example", 17), -1);
    assert_int_equal(find_wire("\001*\003lab\007example", 15), -1);
    assert_int_equal(find_wire("\003a-b\003lab\007example", 17), 0);
    memset(label, 'a', 63);
    label[63] = '\0';
    snprintf(name, sizeof(name), "%s.%s.%s.%.48s.lab.example", label, label, label, label); /* 253 octets */
    assert_int_equal(strlen(name), 252);
    assert_int_equal(find(name), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
    static const struct CMUnitTest tests[] = {
        T(test_listed_finds_exactly),
        T(test_listed_refuses),
        T(test_listed_full),
        T(test_listed_begins_anew),
        T(test_listed_wildcards),
        T(test_nothing_of_the_old_list),
        T(test_wildcards_take_host_names_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
