/* VICI: messages built and read again, messages that are not to be believed, and the client against a server played here. */
#include "vici.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h> /* wants the headers above first */

static struct vici_buf buf;

/* gtol { state=UP, child-sas { gtol-1 { reqid=3 } }, names [ a, bb ] }, empty= */
static void build(void)
{
    vici_begin(&buf);
    vici_section(&buf, "gtol");
    vici_kvf(&buf, "state", "%s", "UP");
    vici_section(&buf, "child-sas");
    vici_section(&buf, "gtol-1");
    vici_kvf(&buf, "reqid", "%d", 3);
    vici_section_end(&buf);
    vici_section_end(&buf);
    vici_list(&buf, "names");
    vici_item(&buf, "a", 1);
    vici_item(&buf, "bb", 2);
    vici_list_end(&buf);
    vici_section_end(&buf);
    vici_kv(&buf, "empty", "", 0);
    assert_false(buf.overflow);
}

static void test_octets_as_in_the_protocol(void **state)
{
    /* the example of the protocol's own description: key1 = value1, section1 { list1 = [ item1 ] } */
    static const uint8_t expected[] = "\3\4key1\0\6value1\1\10section1\4\5list1\5\0\5item1\6\2";
    (void)state;
    vici_begin(&buf);
    vici_kvf(&buf, "key1", "value1");
    vici_section(&buf, "section1");
    vici_list(&buf, "list1");
    vici_item(&buf, "item1", 5);
    vici_list_end(&buf);
    vici_section_end(&buf);
    assert_int_equal(buf.len, sizeof expected - 1);
    assert_memory_equal(buf.data, expected, sizeof expected - 1);
}

static void test_round_trip(void **state)
{
    struct vici_reader r;
    static const int kinds[] = {
        VICI_SECTION, VICI_KV,   VICI_SECTION, VICI_SECTION,  VICI_KV,          VICI_SECTION_END, VICI_SECTION_END,
        VICI_LIST,    VICI_ITEM, VICI_ITEM,    VICI_LIST_END, VICI_SECTION_END, VICI_KV,          0};
    (void)state;
    build();
    vici_read(&r, buf.data, buf.len);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(vici_next(&r), kinds[i]);
        if (i == 0)
            assert_string_equal(r.name, "gtol");
        if (i == 9) {
            assert_int_equal(r.value_len, 2);
            assert_memory_equal(r.value, "bb", 2);
        }
    }
}

static bool get(const char *path, char *out, size_t len)
{
    return vici_get(buf.data, buf.len, path, out, len);
}

static void test_paths(void **state)
{
    char out[8];
    (void)state;
    build();
    assert_true(get("gtol/state", out, sizeof out));
    assert_string_equal(out, "UP");
    assert_true(get("gtol/child-sas/gtol-1/reqid", out, sizeof out));
    assert_string_equal(out, "3");
    assert_true(get("*/child-sas/*/reqid", out, sizeof out));
    assert_true(get("empty", out, sizeof out));
    assert_string_equal(out, "");
    assert_false(get("state", out, sizeof out)); /* it is deeper */
    assert_false(get("gtol/reqid", out, sizeof out));
    assert_false(get("gtol/child-sas/gtol-2/reqid", out, sizeof out));
    assert_false(get("gtol/names", out, sizeof out)); /* a list is no value */
    assert_false(get("gtol/state/more", out, sizeof out));
    assert_false(get("gtol/state", out, 2)); /* no room for "UP" and NUL */
    assert_string_equal(out, "");
}

static void test_a_section_passed_does_not_match_later(void **state)
{
    char out[8];
    (void)state;
    vici_begin(&buf);
    vici_section(&buf, "a");
    vici_section_end(&buf);
    vici_section(&buf, "b");
    vici_kvf(&buf, "key", "wrong");
    vici_section_end(&buf);
    assert_false(get("a/key", out, sizeof out));
    assert_true(get("b/key", out, sizeof out));
}

static void test_values_with_nul_are_refused(void **state)
{
    char out[8];
    (void)state;
    vici_begin(&buf);
    vici_kv(&buf, "key", "y\0s", 3);
    assert_false(get("key", out, sizeof out));
}

#define MESSAGE(text) {(text), sizeof(text) - 1}

static void test_malformed(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {
        MESSAGE("\0"), /* no such element */
        MESSAGE("\7"),
        MESSAGE("\2"), /* end of a section that did not begin */
        MESSAGE("\1\1a"), /* a section that does not end */
        MESSAGE("\6"), /* end of no list */
        MESSAGE("\5\0\1a"), /* an item outside a list */
        MESSAGE("\4\1a"), /* a list that does not end */
        MESSAGE("\4\1a\3\1k\0\1v\6"), /* a key in a list */
        MESSAGE("\4\1a\1\1s\2\6"), /* a section in a list */
        MESSAGE("\4\1a\2"), /* a list ended as a section */
        MESSAGE("\3\0\0\0"), /* no name */
        MESSAGE("\3\2k"), /* name cut */
        MESSAGE("\3\1k"), /* no value */
        MESSAGE("\3\1k\0"),
        MESSAGE("\3\1k\0\2v"), /* value cut */
        MESSAGE("\3\1k\377\377v"),
        MESSAGE("\3\3k\0x\0\1v"), /* NUL in a name */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        /* memory of exactly that size, so that ASan sees one octet too many; first something good, then the bad */
        static const char good[] = "\3\7success\0\3yes";
        size_t len = sizeof good - 1 + bad[i].len;
        char *data = malloc(len), out[8];
        if (!data)
            abort();
        memcpy(data, good, sizeof good - 1);
        memcpy(data + sizeof good - 1, bad[i].data, bad[i].len);
        assert_false(vici_get(data, len, "success", out, sizeof out));
        assert_string_equal(out, "");
        struct vici_reader r;
        int kind;
        vici_read(&r, data, len);
        while ((kind = vici_next(&r)) > 0)
            continue;
        assert_int_equal(kind, -1);
        assert_int_equal(vici_next(&r), -1); /* and it stays so */
        free(data);
    }
}

static void test_every_cut_is_noticed_or_whole(void **state)
{
    char out[8];
    (void)state;
    build();
    size_t whole = 0;
    for (size_t len = 0; len < buf.len; len++) {
        char *copy = malloc(len + 1);
        memcpy(copy, buf.data, len);
        whole += vici_get(copy, len, "gtol/state", out, sizeof out);
        free(copy);
    }
    assert_int_equal(whole, 1); /* without the last key the message is complete again */
}

static void test_depth(void **state)
{
    struct vici_reader r;
    (void)state;
    for (int depth = VICI_DEPTH_MAX; depth <= VICI_DEPTH_MAX + 1; depth++) {
        int kind;
        vici_begin(&buf);
        for (int i = 0; i < depth; i++)
            vici_section(&buf, "s");
        for (int i = 0; i < depth; i++)
            vici_section_end(&buf);
        vici_read(&r, buf.data, buf.len);
        while ((kind = vici_next(&r)) > 0)
            continue;
        assert_int_equal(kind, depth <= VICI_DEPTH_MAX ? 0 : -1);
    }
}

static void test_building_has_limits(void **state)
{
    static char large[65536];
    (void)state;
    vici_begin(&buf);
    vici_kv(&buf, "", "v", 1);
    assert_true(buf.overflow);
    vici_begin(&buf);
    assert_false(buf.overflow);
    memset(large, 'x', sizeof large);
    vici_kv(&buf, "key", large, sizeof large);
    assert_true(buf.overflow);
    vici_begin(&buf);
    vici_kvf(&buf, "key", "%.2000s", large);
    assert_true(buf.overflow);
    vici_begin(&buf);
    large[256] = 0;
    vici_section(&buf, large);
    assert_true(buf.overflow);
}

/* ---- the client ---- */

struct fixture {
    char folder[32], path[64];
    int listener, server; /* the server's end */
    struct vici *vici;
    unsigned answers, lost, events;
    char text[64], event[64];
};

static void on_reply(void *user, const uint8_t *data, size_t len)
{
    struct fixture *f = user;
    if (!data) {
        f->lost++;
        return;
    }
    f->answers++;
    vici_get(data, len, "text", f->text, sizeof f->text);
}

static void on_event(void *user, const char *event, const uint8_t *data, size_t len)
{
    struct fixture *f = user;
    f->events++;
    snprintf(f->event, sizeof f->event, "%.60s", event);
    vici_get(data, len, "text", f->text, sizeof f->text);
}

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(f->folder, "/tmp/vici-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/sock", f->folder);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(f->listener, 1), 0);
    f->vici = vici_open(f->path, on_event, f);
    assert_non_null(f->vici);
    f->server = accept(f->listener, NULL, NULL);
    assert_true(f->server >= 0);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    vici_close(f->vici);
    if (f->server >= 0)
        close(f->server);
    close(f->listener);
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

/* One packet of the server: type, for events a name, and { text = … }. */
static size_t packet(uint8_t *out, uint8_t type, const char *name, const char *text)
{
    static struct vici_buf m;
    size_t at = 5, name_len = name ? strlen(name) : 0;
    vici_begin(&m);
    if (text)
        vici_kvf(&m, "text", "%s", text);
    if (name) {
        out[at++] = (uint8_t)name_len;
        memcpy(out + at, name, name_len);
        at += name_len;
    }
    memcpy(out + at, m.data, m.len);
    at += m.len;
    size_t len = at - 4;
    memcpy(out, (uint8_t[]){0, 0, (uint8_t)(len >> 8), (uint8_t)len, type}, 5);
    return at;
}

static void say(struct fixture *f, uint8_t type, const char *name, const char *text)
{
    uint8_t out[256];
    size_t len = packet(out, type, name, text);
    assert_int_equal(write(f->server, out, len), len);
}

static void test_request_and_answer(void **state)
{
    struct fixture *f = *state;
    uint8_t got[64];
    vici_begin(&buf);
    vici_kvf(&buf, "a", "b");
    assert_int_equal(vici_request(f->vici, "version", &buf, on_reply, f), 0);
    assert_int_equal(read(f->server, got, sizeof got), 4 + 1 + 1 + 7 + 6);
    assert_memory_equal(got, "\0\0\0\17\0\7version\3\1a\0\1b", 19);
    say(f, 1, NULL, "hello");
    assert_int_equal(vici_drain(f->vici, 1000), 0);
    assert_int_equal(f->answers, 1);
    assert_string_equal(f->text, "hello");
}

static void test_answer_octet_by_octet(void **state)
{
    struct fixture *f = *state;
    uint8_t out[256];
    size_t len = packet(out, 1, NULL, "slow");
    assert_int_equal(vici_request(f->vici, "version", NULL, on_reply, f), 0);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(f->answers, 0);
        assert_int_equal(write(f->server, out + i, 1), 1);
        assert_int_equal(vici_process(f->vici), 0);
    }
    assert_int_equal(f->answers, 1);
    assert_string_equal(f->text, "slow");
}

static void test_events_between_answers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vici_register(f->vici, "ike-updown"), 0);
    assert_int_equal(vici_request(f->vici, "list-sas", NULL, on_reply, f), 0);
    say(f, 5, NULL, NULL);
    say(f, 7, "ike-updown", "one");
    say(f, 7, "ike-updown", "two");
    say(f, 1, NULL, NULL);
    assert_int_equal(vici_drain(f->vici, 1000), 0);
    assert_int_equal(f->events, 2);
    assert_string_equal(f->event, "ike-updown");
    assert_string_equal(f->text, ""); /* the answer was the last, and empty: still an answer */
    assert_int_equal(f->answers, 1);
}

static void test_unknown_command(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vici_request(f->vici, "nonsense", NULL, on_reply, f), 0);
    say(f, 2, NULL, NULL);
    assert_int_equal(vici_drain(f->vici, 1000), 0);
    assert_int_equal(f->lost, 1);
}

static void test_lost_connection_answers_all(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(vici_request(f->vici, "version", NULL, on_reply, f), 0);
    close(f->server);
    f->server = -1;
    assert_int_equal(vici_process(f->vici), -1);
    assert_int_equal(vici_request(f->vici, "version", NULL, on_reply, f), -1);
    vici_close(f->vici);
    f->vici = NULL;
    assert_int_equal(f->lost, 3);
}

static void test_a_server_that_breaks_the_rules(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {
        MESSAGE("\0\0\0\0"), /* an empty packet */
        MESSAGE("\377\377\377\377"), /* longer than we take */
        MESSAGE("\0\0\0\1\1"), /* an answer that nobody asked for */
        MESSAGE("\0\0\0\1\5"),       MESSAGE("\0\0\0\1\6"), MESSAGE("\0\0\0\1\0"), /* a request to us */
        MESSAGE("\0\0\0\1\7"), /* an event without a name */
        MESSAGE("\0\0\0\3\7\5a"), /* its name is cut */
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(write(f->server, bad[i].data, bad[i].len), bad[i].len);
        assert_int_equal(vici_process(f->vici), -1);
        assert_int_equal(vici_process(f->vici), -1);
        end(state);
        begin(state);
        f = *state;
    }
}

static void test_too_many_requests(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < VICI_REQUESTS_MAX; i++)
        assert_int_equal(vici_request(f->vici, "version", NULL, on_reply, f), 0);
    assert_int_equal(vici_request(f->vici, "version", NULL, on_reply, f), -1);
    assert_int_equal(errno, ENOBUFS);
    buf.overflow = true;
    assert_int_equal(vici_request(f->vici, "version", &buf, on_reply, f), -1);
    assert_int_equal(errno, EMSGSIZE);
    for (int i = 0; i < VICI_REQUESTS_MAX; i++)
        say(f, 1, NULL, "x");
    assert_int_equal(vici_drain(f->vici, 1000), 0);
    assert_int_equal(f->answers, VICI_REQUESTS_MAX);
}

static void test_silence(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vici_request(f->vici, "version", NULL, on_reply, f), 0);
    assert_int_equal(vici_drain(f->vici, 30), -1);
    assert_int_equal(errno, ETIMEDOUT);
}

static void test_nobody_there(void **state)
{
    (void)state;
    assert_null(vici_open("/tmp/there-is-no-charon", NULL, NULL));
    assert_int_equal(errno, ENOENT);
    vici_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_octets_as_in_the_protocol),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_a_section_passed_does_not_match_later),
        cmocka_unit_test(test_values_with_nul_are_refused),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_every_cut_is_noticed_or_whole),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_building_has_limits),
        cmocka_unit_test_setup_teardown(test_request_and_answer, begin, end),
        cmocka_unit_test_setup_teardown(test_answer_octet_by_octet, begin, end),
        cmocka_unit_test_setup_teardown(test_events_between_answers, begin, end),
        cmocka_unit_test_setup_teardown(test_unknown_command, begin, end),
        cmocka_unit_test_setup_teardown(test_lost_connection_answers_all, begin, end),
        cmocka_unit_test_setup_teardown(test_a_server_that_breaks_the_rules, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_requests, begin, end),
        cmocka_unit_test_setup_teardown(test_silence, begin, end),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
