/*
 * Every length and limit in a ClientHello, at its boundary: an error is reported as soon as the octet that makes it
 * wrong has arrived, with the right reason, and nothing is read beyond the octets received (an unreadable page
 * follows).
 */
#include "sni_fixture.h"
#include "test.h"

#include "clienthello.h"

#include <sys/mman.h>
#include <unistd.h>

static struct octets o, message;
static struct clienthello h;
static uint8_t *wall; /* what is from here on cannot be read */

static int make_wall(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (sizeof o.data + page - 1) / page * page;
    uint8_t *all = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    wall = all + room;
    return all == MAP_FAILED || mprotect(wall, page, PROT_NONE) != 0;
}

static enum clienthello_read read_first(size_t len)
{
    if (len > 0)
        memcpy(wall - len, o.data, len);
    return clienthello_read(wall - len, len, &h);
}

/* Good as it is, and a part wherever it is cut off. */
static void assert_good(void)
{
    for (size_t len = 0; len < o.len; len++)
        assert_int_equal(read_first(len), CLIENTHELLO_PART);
    assert_int_equal(read_first(o.len), CLIENTHELLO_WHOLE);
    assert_int_equal(h.end, o.len);
}

/* Wrong from the octet `at` on, and not before. */
static void assert_wrong_at(size_t at, enum msg_flow_what what)
{
    for (size_t len = 0; len <= at; len++)
        assert_int_equal(read_first(len), CLIENTHELLO_PART);
    for (size_t len = at + 1; len <= o.len; len++) {
        assert_int_equal(read_first(len), CLIENTHELLO_WRONG);
        assert_int_equal(h.what, what);
        assert_non_null(h.why);
    }
}

/* ---- its fields before the extensions ---- */

struct fields {
    unsigned version;            /* 0: 1.2 */
    size_t id, ciphers, methods; /* octets */
    size_t behind;               /* octets behind the extensions, inside the message */
};
static const struct fields usual_fields = {.id = 32, .ciphers = 4, .methods = 1};

enum { VERSION_AT = 5 + 4, ID_AT = VERSION_AT + 2 + 32 };

/* From `message`, which holds the extensions. */
static void made(struct fields f)
{
    static struct octets body;
    body.len = 0;
    put_number(&body, 1, 1);
    size_t begin = begin_length(&body, 3);
    put_number(&body, 2, f.version ? f.version : 0x0303);
    put_fill(&body, 32, 0xaa);
    put_number(&body, 1, f.id);
    put_fill(&body, f.id, 0x55);
    put_number(&body, 2, f.ciphers);
    put_fill(&body, f.ciphers, 0x13);
    put_number(&body, 1, f.methods);
    put_fill(&body, f.methods, 0);
    size_t extensions = begin_length(&body, 2);
    put(&body, message.data, message.len);
    end_length(&body, 2, extensions);
    put_fill(&body, f.behind, 0);
    end_length(&body, 3, begin);
    o.len = 0;
    put_record(&o, 22, body.data, body.len);
}

static void extension(unsigned type, const void *data, size_t len)
{
    put_number(&message, 2, type);
    put_number(&message, 2, len);
    put(&message, data, len);
}
#define EXTENSION(type, text) extension(type, text, sizeof(text) - 1)

/* The extensions that make it good: name and versions. */
static void usual(void)
{
    message.len = 0;
    put_server_name(&message, &(struct shape){.name = REGISTRY_NAME});
    EXTENSION(43, "\2\3\4");
}

static void test_fields(void **state)
{
    (void)state;
    usual();
    made(usual_fields);
    assert_good();
    static const unsigned versions[] = {0x0002, 0x0200, 0x0203, 0x0400, 0x0403, 0xff03};
    for (unsigned i = 0; i < COUNT(versions); i++) {
        made((struct fields){.version = versions[i], .id = 32, .ciphers = 4, .methods = 1});
        assert_wrong_at(VERSION_AT + 1, FLOW_BROKEN);
    }
    made((struct fields){.version = 0x03ff,
                         .id = 32,
                         .ciphers = 4,
                         .methods = 1}); /* supported_versions counts where it is (RFC 8446 section 4.2.1) */
    assert_good();
    for (size_t id = 0; id <= 34; id++) {
        made((struct fields){.id = id, .ciphers = 4, .methods = 1});
        if (id <= 32)
            assert_good();
        else
            assert_wrong_at(ID_AT, FLOW_BROKEN);
    }
    for (size_t n = 0; n <= 9; n++) {
        made((struct fields){.id = 32, .ciphers = n, .methods = 1});
        if (n >= 2 && n % 2 == 0)
            assert_good();
        else
            assert_wrong_at(ID_AT + 32 + 2, FLOW_BROKEN);
    }
    for (size_t n = 0; n <= 3; n++) {
        made((struct fields){.id = 32, .ciphers = 4, .methods = n});
        if (n > 0)
            assert_good();
        else
            assert_wrong_at(ID_AT + 32 + 2 + 4 + 1, FLOW_BROKEN);
    }
    made((struct fields){.id = 32, .ciphers = 4, .methods = 1, .behind = 1});
    assert_wrong_at(o.len - 2, FLOW_BROKEN);
}

/* A field that says that it goes on behind the end of the message. */
static void test_beyond_the_message(void **state)
{
    (void)state;
    static const struct {
        size_t at, len; /* of the number */
    } numbers[] = {{ID_AT + 33, 2}, {ID_AT + 33 + 2 + 4, 1}, {ID_AT + 33 + 2 + 4 + 2, 2}};
    for (unsigned i = 0; i < COUNT(numbers); i++) {
        usual();
        made(usual_fields);
        for (size_t k = 0; k < numbers[i].len; k++)
            o.data[numbers[i].at + k] = k == 0 && numbers[i].len == 2 ? 0x7f : 0xfe;
        assert_wrong_at(numbers[i].at + numbers[i].len - 1, FLOW_BROKEN);
    }
}

/* ---- vectors in vectors ---- */

/* Extensions begin here in the stream. */
#define EXTENSIONS_AT (ID_AT + 33 + 2 + 4 + 2 + 2)

static void test_lengths_of_extensions(void **state)
{
    (void)state;
    message.len = 0; /* one octet longer than the list of extensions */
    put_number(&message, 4, 21u << 16 | 1);
    made(usual_fields);
    assert_wrong_at(EXTENSIONS_AT + 3, FLOW_BROKEN);
    message.len = 0; /* half a head of one */
    put_number(&message, 3, 21u << 8);
    made(usual_fields);
    assert_wrong_at(EXTENSIONS_AT + 1, FLOW_BROKEN);
    message.len = 0; /* not even its kind */
    put_number(&message, 1, 0);
    made(usual_fields);
    assert_wrong_at(EXTENSIONS_AT - 1, FLOW_BROKEN);
    for (unsigned many = CLIENTHELLO_EXTENSIONS_MAX - 1; many <= CLIENTHELLO_EXTENSIONS_MAX + 1; many++) {
        usual();
        for (unsigned i = 2; i < many; i++)
            EXTENSION(0x4000 + i, "");
        made(usual_fields);
        if (many <= CLIENTHELLO_EXTENSIONS_MAX)
            assert_good();
        else
            assert_wrong_at(o.len - 1, FLOW_BROKEN);
    }
    static const unsigned types[] = {0x4000, 21, 51};
    for (unsigned i = 0; i < COUNT(types); i++) { /* the last one a second time, and the first */
        usual();
        EXTENSION(types[i], "");
        EXTENSION(types[(i + 1) % COUNT(types)], "a");
        EXTENSION(types[i], "");
        made(usual_fields);
        assert_wrong_at(o.len - 1, FLOW_BROKEN);
    }
}

/* server_name by hand: what the extension, the list and the name say of themselves. */
static void named(unsigned extension_len, unsigned list_len, unsigned name_len, const char *name, const char *behind)
{
    message.len = 0;
    EXTENSION(43, "\2\3\4");
    put_number(&message, 2, 0);
    put_number(&message, 2, extension_len);
    put_number(&message, 2, list_len);
    put_number(&message, 1, 0);
    put_number(&message, 2, name_len);
    put(&message, name, strlen(name));
    put(&message, behind, strlen(behind));
    made(usual_fields);
}

static void test_lengths_of_a_name(void **state)
{
    (void)state;
    const size_t ext = EXTENSIONS_AT + 7, list = ext + 4, name = list + 3;
    named(8, 6, 3, "a.b", "");
    assert_good();
    assert_string_equal(h.name, "a.b");
    named(8, 7, 3, "a.b", ""); /* the list goes beyond the extension */
    assert_wrong_at(list + 1, FLOW_BROKEN);
    named(8, 6, 4, "a.b", ""); /* the name beyond the list */
    assert_wrong_at(name + 1, FLOW_BROKEN);
    named(8, 5, 2, "a.b", ""); /* one octet of the extension is left over */
    assert_wrong_at(o.len - 2, FLOW_BROKEN);
    named(8, 6, 2, "a.b", ""); /* … of the list */
    assert_wrong_at(o.len - 2, FLOW_BROKEN);
    /* What is left over would be a good extension by itself. */
    static const char *const rest = "\1\25\1\1.";
    named(8 + 5, 6, 3, "a.b", rest);
    assert_wrong_at(o.len - 6, FLOW_BROKEN);
    message.len = 0;
    EXTENSION(43, "\2\3\4");
    EXTENSION(0, "\0\6\0\0\3a.b\0\25\0\0"); /* an empty padding extension, inside */
    made(usual_fields);
    assert_wrong_at(o.len - 5, FLOW_BROKEN);
    message.len = 0;
    EXTENSION(43, "\2\3\4\0\25\0\0");
    EXTENSION(0, "\0\6\0\0\3a.b");
    made(usual_fields);
    assert_wrong_at(EXTENSIONS_AT + 4 + 2, FLOW_BROKEN);
}

static void name_of(size_t len)
{
    static char text[400];
    for (size_t i = 0; i < len; i++)
        text[i] = i % 64 == 63 ? '.' : 'a';
    text[len] = '\0';
    message.len = 0;
    EXTENSION(43, "\2\3\4");
    put_server_name(&message, &(struct shape){.name = text});
    made(usual_fields);
}

static void test_names(void **state)
{
    (void)state;
    const size_t name = EXTENSIONS_AT + 7 + 4 + 2 + 1;
    for (size_t len = CONF_FQDN_MAX - 2; len <= CONF_FQDN_MAX + 60; len++) {
        if (len % 64 == 0)
            continue; /* it would end with a dot */
        name_of(len);
        if (len < CONF_FQDN_MAX)
            assert_good();
        else
            assert_wrong_at(name + 1, FLOW_BROKEN);
    }
    name_of(64);
    assert_wrong_at(o.len - 1, FLOW_BROKEN); /* it ends with a dot */
    for (unsigned c = 0; c < 256; c++) { /* every octet, inside a name */
        named(8, 6, 3, "a.b", "");
        o.data[o.len - 1] = (uint8_t)c;
        bool good = c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        assert_int_equal(read_first(o.len), good ? CLIENTHELLO_WHOLE : CLIENTHELLO_WRONG);
        if (good)
            assert_int_equal(h.name[2], c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    char label[65];
    for (unsigned len = 62; len <= 64; len++) { /* the last label */
        memset(label, 'a', len);
        label[len] = '\0';
        message.len = 0;
        EXTENSION(43, "\2\3\4");
        put_server_name(&message, &(struct shape){.name = label});
        made(usual_fields);
        if (len <= 63)
            assert_good();
        else
            assert_wrong_at(o.len - 1, FLOW_BROKEN);
    }
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t len;
        bool broken; /* else none of them is new enough */
        size_t behind_its_length;
    } bad[] = {
        {"\0", 1, true, 0},      {"\1\3", 2, true, 0},        {"\3\3\4\3", 4, true, 0}, {"\2\3\2", 3, false, 0},
        {"\2\3\5", 3, false, 0}, {"\4\3\1\3\2", 5, false, 0}, {"\4\3\4", 3, true, 0},
    };
    for (unsigned i = 0; i < COUNT(bad); i++) {
        message.len = 0;
        put_server_name(&message, &(struct shape){.name = REGISTRY_NAME});
        size_t begin = EXTENSIONS_AT + message.len + 4;
        extension(43, bad[i].list, bad[i].len);
        made(usual_fields);
        assert_wrong_at(bad[i].broken ? begin : o.len - 1, bad[i].broken ? FLOW_BROKEN : FLOW_OLD_TLS);
    }
    static const char *const good[] = {"\2\3\3", "\2\3\4", "\4\3\4\3\1", "\4\3\1\3\3", "\4\3\3\3\4"};
    for (unsigned i = 0; i < COUNT(good); i++) {
        message.len = 0;
        put_server_name(&message, &(struct shape){.name = REGISTRY_NAME});
        extension(43, good[i], strlen(good[i]));
        made(usual_fields);
        assert_good();
    }
    message.len = 0; /* without the extension the old field counts */
    put_server_name(&message, &(struct shape){.name = REGISTRY_NAME});
    made((struct fields){.version = 0x0302, .id = 32, .ciphers = 4, .methods = 1});
    assert_wrong_at(o.len - 1, FLOW_OLD_TLS);
    made((struct fields){.version = 0x0303, .id = 32, .ciphers = 4, .methods = 1});
    assert_good();
}

/* ---- records ---- */

static void in_records(size_t piece, unsigned version)
{
    static struct octets whole;
    whole = o;
    o.len = 0;
    for (size_t at = 5; at < whole.len; at += piece) {
        size_t n = whole.len - at < piece ? whole.len - at : piece;
        put_number(&o, 1, 22);
        put_number(&o, 2, at == 5 ? 0x0301 : version);
        put_number(&o, 2, n);
        put(&o, whole.data + at, n);
    }
}

static void test_records(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        size_t octet; /* the one of the second record that makes it wrong; 0: good */
        enum msg_flow_what what;
    } versions[] = {{0x0301, 0, 0},           {0x0303, 0, 0},           {0x0203, 1, FLOW_BROKEN},
                    {0x0403, 1, FLOW_BROKEN}, {0x0304, 2, FLOW_BROKEN}, {0x03ff, 2, FLOW_BROKEN},
                    {0x0300, 2, FLOW_OLD_TLS}};
    for (unsigned i = 0; i < COUNT(versions); i++) {
        usual();
        made(usual_fields);
        in_records(60, versions[i].version);
        if (versions[i].octet == 0)
            assert_good();
        else
            assert_wrong_at(65 + versions[i].octet, versions[i].what);
    }
    for (unsigned many = CLIENTHELLO_RECORDS_MAX - 1; many <= CLIENTHELLO_RECORDS_MAX + 1; many++) {
        usual();
        made(usual_fields);
        size_t pad = (size_t)many * 4 - (o.len - 5) - 4;
        static const uint8_t zeros[300];
        MUST(pad < sizeof zeros);
        extension(21, zeros, pad);
        made(usual_fields);
        in_records(4, 0x0303);
        assert_int_equal(o.len, many * 9);
        if (many <= CLIENTHELLO_RECORDS_MAX)
            assert_good();
        else
            assert_wrong_at(CLIENTHELLO_RECORDS_MAX * 9, FLOW_BROKEN);
    }
    usual(); /* an empty record in between; one that is too long */
    made(usual_fields);
    in_records(60, 0x0303);
    o.data[68] = o.data[69] = 0;
    assert_wrong_at(69, FLOW_BROKEN);
    o.data[68] = 0x40;
    o.data[69] = 1;
    assert_wrong_at(69, FLOW_BROKEN);
    usual(); /* the record goes on behind the message: as soon as both lengths are there */
    made(usual_fields);
    o.data[4]++;
    put_fill(&o, 1, 0);
    assert_wrong_at(8, FLOW_SECOND);
    usual(); /* the second of two records does */
    made(usual_fields);
    in_records(60, 0x0303);
    size_t last = (o.len - 1) / 65 * 65;
    o.data[last + 4]++;
    put_fill(&o, 1, 0);
    assert_wrong_at(last + 4, FLOW_SECOND);
}

/* As long as it may be, in one record and in two, and one octet longer. */
static void test_longest(void **state)
{
    (void)state;
    static uint8_t zeros[CLIENTHELLO_MAX];
    for (unsigned more = 0; more < 2; more++) {
        usual();
        made(usual_fields);
        size_t pad = CLIENTHELLO_MAX - (o.len - 5 - 4) - 4 + more;
        extension(21, zeros, pad);
        made(usual_fields);
        assert_int_equal(o.len, 5 + 4 + CLIENTHELLO_MAX + more);
        in_records(CLIENTHELLO_MAX / 2, 0x0303);
        assert_int_equal(read_first(8), CLIENTHELLO_PART);
        assert_int_equal(read_first(9), more ? CLIENTHELLO_WRONG : CLIENTHELLO_PART);
        assert_int_equal(read_first(o.len - 1), more ? CLIENTHELLO_WRONG : CLIENTHELLO_PART);
        assert_int_equal(read_first(o.len), more ? CLIENTHELLO_WRONG : CLIENTHELLO_WHOLE);
        if (more)
            assert_int_equal(h.what, FLOW_TOO_LONG);
    }
}

/* ---- what is no ClientHello ---- */

static void test_first_octets(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        size_t len, at;
        enum msg_flow_what what;
    } others[] = {
        {"\x80\x2e\1\3\1", 5, 0, FLOW_NOT_TLS}, /* SSL 2.0's form: as soon as it can be told */
        {"GET / HT", 8, 0, FLOW_NOT_TLS},
        {"\x16\2\0\0\5\1\0\0\1", 9, 1, FLOW_NOT_TLS},
        {"\x16\4\0\0\5\1\0\0\1", 9, 1, FLOW_NOT_TLS},
        {"\x16\3\0\0\5\1\0\0\1", 9, 2, FLOW_OLD_TLS},
        {"\x16\3\4\0\5\1\0\0\1", 9, 2, FLOW_BROKEN},
        {"\x16\3\1\0\0", 5, 4, FLOW_BROKEN},
        {"\x16\3\1\0\5\0\0\0\1", 9, 5, FLOW_BROKEN}, /* HelloRequest */
        {"\x16\3\1\0\5\2\0\0\1", 9, 5, FLOW_BROKEN},
    };
    for (unsigned i = 0; i < COUNT(others); i++) {
        o.len = 0;
        put(&o, others[i].octets, others[i].len);
        for (size_t len = 0; len <= o.len; len++) {
            enum clienthello_read is = read_first(len);
            assert_int_equal(is, len <= others[i].at ? CLIENTHELLO_PART : CLIENTHELLO_WRONG);
            if (is == CLIENTHELLO_WRONG && !(others[i].octets[0] & 0x80))
                assert_int_equal(h.what, others[i].what);
        }
    }
    static const struct {
        const char *octets;
        bool is; /* a ClientHello of SSL 2.0 */
    } old[] = {{"\x80\x2e\1\3", true},  {"\x80\x2e\1\0", true},  {"\x80\x2e\1\2", false}, {"\x80\x2e\2\3", false},
               {"\x00\x2e\1\3", false}, {"\x40\x2e\1\3", false}, {"\xff\x2e\1\3", true}};
    for (unsigned i = 0; i < COUNT(old); i++) {
        o.len = 0;
        put(&o, old[i].octets, 4);
        assert_int_equal(read_first(4), CLIENTHELLO_WRONG);
        assert_int_equal(h.what, old[i].is ? FLOW_OLD_TLS : FLOW_NOT_TLS);
        assert_int_equal(read_first(3), CLIENTHELLO_WRONG);
        assert_int_equal(h.what, FLOW_NOT_TLS);
    }
}

/* ---- behind it ---- */

/* The shortest beginning that is refused; len + 1: none is. */
static size_t refused_at(const char *octets, size_t len, bool early_data)
{
    size_t next;
    for (size_t n = 0; n <= len; n++) {
        memcpy(wall - n, octets, n);
        if (clienthello_rest(wall - n, n, early_data, &next))
            return n;
    }
    return len + 1;
}

static void test_rest(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        size_t len, at, at_with_early_data;
    } records[] = {
        {"\x14\3\3\0\1\1", 6, 7, 7},
        {"\x14\3\3\0\1\0", 6, 6, 6},
        {"\x14\3\3\0\1\2", 6, 6, 6},
        {"\x14\3\3\0\0", 5, 5, 5},
        {"\x14\3\3\0\2\1\1", 7, 5, 5},
        {"\x15\3\3\0\2\1\0", 7, 8, 8},
        {"\x15\3\3\0\1\1", 6, 5, 5},
        {"\x15\3\3\0\3\1\0\0", 8, 5, 5},
        {"\x17\3\3\0\1a", 6, 1, 7},
        {"\x17\3\3\0\0", 5, 1, 5},
        {"\x17\3\3\x41\0", 5, 1, 6},
        {"\x17\3\3\x41\1", 5, 1, 5},
        {"\x13\3\3\0\1\1", 6, 1, 1},
        {"\x18\3\3\0\1\1", 6, 1, 1},
        {"\x14\3\3\0\1\1\x15\3\3\0\2\1\0\x14\3\3\0\1\2", 19, 19, 19},
    };
    for (unsigned i = 0; i < COUNT(records); i++) {
        assert_int_equal(refused_at(records[i].octets, records[i].len, false), records[i].at);
        assert_int_equal(refused_at(records[i].octets, records[i].len, true), records[i].at_with_early_data);
    }
    size_t next = 0;
    assert_null(clienthello_rest((const uint8_t *)"\x16", 1, false, &next));
    assert_int_equal(next, 0);
    assert_null(clienthello_rest((const uint8_t *)"\x15\3\3\0\2\1\0\x16", 8, false, &next));
    assert_int_equal(next, 7);
    assert_null(clienthello_rest((const uint8_t *)"\x15\3\3\0\2\1\0", 7, false, &next));
    assert_int_equal(next, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_beyond_the_message),
        cmocka_unit_test(test_lengths_of_extensions),
        cmocka_unit_test(test_lengths_of_a_name),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_first_octets),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests(tests, make_wall, NULL);
}
