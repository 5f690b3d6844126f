/* The table of causes: complete in both languages, and only valid causes are accepted. */
#include "cause.h"
#include "cause_text.h"
#include "test.h"
#include "zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the console has room for, and a person reads: columns of the table, in characters. */
#define EN_MAX 270
#define JA_MAX 170

static unsigned characters(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Bit N: %N is in the text. */
static unsigned holes(const char *text)
{
    unsigned mask = 0;
    for (; (text = strchr(text, '%')); text++)
        if (text[1] >= '1' && text[1] <= '9')
            mask |= 1u << (text[1] - '0');
    return mask;
}

static unsigned count_args(const char *spec)
{
    unsigned n = 0;
    for (; (spec = strchr(spec, ':')); spec++)
        n++;
    return n;
}

static const char *column(unsigned i, enum cause_lang lang, enum cause_part part)
{
    return cause_column((enum cause_code)i, lang, part);
}

static void both_columns_are_filled_and_fit(void **state)
{
    (void)state;
    for (unsigned i = 1; i < CAUSE_CODES; i++) {
        const char *word = cause_word((enum cause_code)i), *spec = cause_spec((enum cause_code)i);
        unsigned used = 0;
        for (int part = CAUSE_WRONG; part <= CAUSE_DO; part++) {
            const char *en = column(i, CAUSE_EN, part), *ja = column(i, CAUSE_JA, part);
            if (part == CAUSE_WRONG ? !*en || !*ja : !*en != !*ja)
                fail_msg("%s: one language is missing (%d)", word, part);
            if (characters(en) > EN_MAX || characters(ja) > JA_MAX)
                fail_msg("%s: too long (%u, %u)", word, characters(en), characters(ja));
            if (holes(en) != holes(ja))
                fail_msg("%s: the languages have different arguments (%d)", word, part);
            used |= holes(en);
        }
        if (used != (1u << (count_args(spec) + 1)) - 2)
            fail_msg("%s: `%s` and the texts do not agree", word, spec);
    }
}

/* The English columns are ASCII, the Japanese are Japanese; a machine's words may stand in both. */
static void each_column_is_in_its_language(void **state)
{
    (void)state;
    for (unsigned i = 1; i < CAUSE_CODES; i++)
        for (int part = CAUSE_WRONG; part <= CAUSE_DO; part++) {
            const char *en = column(i, CAUSE_EN, part), *ja = column(i, CAUSE_JA, part);
            if (characters(en) != strlen(en))
                fail_msg("%s: not English: %s", cause_word((enum cause_code)i), en);
            if (strchr(en, ' ') && strpbrk(en, "abc") && characters(ja) == strlen(ja))
                fail_msg("%s: not Japanese: %s", cause_word((enum cause_code)i), ja);
        }
}

static void words_are_words_and_differ(void **state)
{
    (void)state;
    for (unsigned i = 1; i < CAUSE_CODES; i++) {
        const char *word = cause_word((enum cause_code)i);
        assert_true(strlen(word) >= 4 && strlen(word) < CAUSE_WORD_MAX);
        if (strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(word) ||
            cause_by_word(word) != (enum cause_code)i)
            fail_msg("%s: no word of its own", word);
    }
    assert_int_equal(cause_by_word(""), CAUSE_NONE);
    assert_int_equal(cause_by_word("Hub-silent"), CAUSE_NONE);
    assert_string_equal(cause_word(CAUSE_NONE), "");
    assert_string_equal(cause_word(CAUSE_CODES), "");
}

static void what_follows_leads_somewhere(void **state)
{
    (void)state;
    for (unsigned i = 1; i < CAUSE_CODES; i++) {
        unsigned steps = 0;
        for (enum cause_code at = (enum cause_code)i; at != CAUSE_NONE; at = cause_follows(at))
            assert_true(++steps < 6); /* no circle */
        assert_true(cause_visible_s((enum cause_code)i) <= 3600);
        if (cause_severity((enum cause_code)i) == CAUSE_SEVERITY_INFO) {
            struct cause c = {.code = (uint16_t)i};
            assert_false(cause_person(&c));
        }
    }
    assert_string_equal(cause_severity_word(CAUSE_HUB_SILENT), "fault");
    assert_string_equal(cause_severity_word(CAUSE_NO_PFS), "warning");
    assert_string_equal(cause_severity_word(CAUSE_CONNECTED), "information");
}

/* ---- each of them, with arguments as long as they come ---- */

static const char *longest(char kind)
{
    switch (kind) {
    case 's': return "abcdefghijklmnopqrstuvwxyz-0123";
    case 'n': return "18446744073709";
    case 'e': return "110";
    case 't': return "-2208988800";
    case 'a': return "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff";
    case 'p': return "255.255.255.252/30";
    case 'h': return "a-host-with-a-long-name.of-a-department-with-a-long-name.hospital-in-a-city.example.jp";
    case 'k': return "a-keyword-as-long-as-they-come";
    case 'w':
        return "words of another program, and so many of them that they are cut: peer not found, no shared key; ...";
    case 'v': return "`施設の名前` は長い名前です \" = % + 東京都立総合";
    case 'r': return "write-allow-name";
    default: return NULL;
    }
}

static void make(struct cause *c, unsigned code, const struct cause *why)
{
    const char *spec = cause_spec((enum cause_code)code), *v[8] = {0};
    unsigned n = 0;
    for (; (spec = strchr(spec, ':')); spec++)
        if (spec[1] != 'c')
            v[n++] = longest(spec[1]);
    if (why)
        cause_because(c, (enum cause_code)code, why, v[0], v[1], v[2], v[3], v[4], v[5], NULL);
    else
        cause_set(c, (enum cause_code)code, v[0], v[1], v[2], v[3], v[4], v[5], NULL);
}

static void check_one(const struct cause *c, const char *word)
{
    char line[CAUSE_LINE_MAX], text[CAUSE_TEXT_MAX];
    struct cause back;
    assert_true(cause_valid(c));
    (void)cause_line(c, line);
    if (strncmp(line, word, strlen(word)) != 0)
        fail_msg("%s became %s", word, line);
    assert_true(strlen(line) < CAUSE_LINE_MAX - 1);
    if (!cause_parse(line, &back) || !cause_equal(c, &back))
        fail_msg("not read back: %s", line);
    for (int lang = CAUSE_EN; lang <= CAUSE_JA; lang++) {
        (void)cause_sentence(c, lang, CAUSE_WRONG, text);
        if (!text[0] || holes(text) || strlen(text) > CAUSE_TEXT_MAX - 8)
            fail_msg("%s: %s", line, text);
        (void)cause_sentence(c, lang, CAUSE_DO, text);
        if (holes(text) || strlen(text) > CAUSE_TEXT_MAX - 8)
            fail_msg("%s: %s", line, text);
    }
}

static void each_goes_there_and_back(void **state)
{
    struct cause c, words, file;
    (void)state;
    make(&words, CAUSE_WORDS, NULL);
    make(&file, CAUSE_VALUE_TIME_OUT_OF_RANGE, NULL);
    for (unsigned i = 1; i < CAUSE_CODES; i++) {
        bool part = strstr(cause_spec((enum cause_code)i), ":c");
        make(&c, i, part ? (strstr(cause_spec((enum cause_code)i), "remedy") ? &file : &words) : NULL);
        check_one(&c, cause_word((enum cause_code)i));
    }
}

static void sentences(void **state)
{
    char text[CAUSE_TEXT_MAX], line[CAUSE_LINE_MAX];
    struct cause why, c;
    (void)state;
    cause_set(&why, CAUSE_HUB_SILENT, NULL);
    cause_because(&c, CAUSE_TUNNEL_FAILED, &why, "lab", NULL);
    assert_string_equal(cause_line(&c, line), "tunnel-failed service=lab why=hub-silent");
    assert_string_equal(cause_sentence(&c, CAUSE_EN, CAUSE_WRONG, text),
                        "The tunnel for lab could not be raised: the hub does not answer.");
    assert_string_equal(cause_sentence(&c, CAUSE_JA, CAUSE_WRONG, text),
                        "lab のトンネルを張れませんでした(接続先が応答しません)。");
    /* It has nothing to say to that itself: what the cause in it says. */
    assert_string_equal(cause_text(&c, CAUSE_EN, CAUSE_DO, text), cause_column(CAUSE_HUB_SILENT, CAUSE_EN, CAUSE_DO));
    assert_true(cause_person(&why));
    assert_false(cause_person(&c));

    cause_set(&c, CAUSE_EST_UNREACHABLE, "est.example.jp", CAUSE_NUMBER(443), CAUSE_NUMBER(ECONNREFUSED), NULL);
    assert_string_equal(cause_line(&c, line), "est-unreachable server=est.example.jp port=443 error=111");
    assert_string_equal(cause_sentence(&c, CAUSE_EN, CAUSE_WRONG, text),
                        "The enrolment server est.example.jp port 443 cannot be reached (Connection refused).");
    assert_string_equal(cause_sentence(&c, CAUSE_JA, CAUSE_WRONG, text),
                        "証明書サーバ est.example.jp のポート 443 に届きません(接続が拒否されました)。");

    cause_set(&c, CAUSE_EST_FAULT, CAUSE_NUMBER(503), "", NULL);
    assert_string_equal(cause_line(&c, line), "est-fault status=503 words=");
    assert_string_equal(cause_sentence(&c, CAUSE_EN, CAUSE_WRONG, text),
                        "The enrolment server has a fault of its own (HTTP 503).");

    zone_set(9 * 60);
    cause_set(&c, CAUSE_EST_TLS_DATES, CAUSE_NUMBER(1800000000), NULL);
    assert_string_equal(cause_sentence(&c, CAUSE_EN, CAUSE_WRONG, text),
                        "The enrolment server's certificate is not valid at the box's time, 2027-01-15 17:00 +09:00.");

    cause_set(&why, CAUSE_VALUE_TIME_OUT_OF_RANGE, "idle", "1 s", NULL);
    cause_because(&c, CAUSE_FILE_WRONG, &why, "/state/site.conf", CAUSE_NUMBER(4), "write-idle", NULL);
    assert_string_equal(
        cause_line(&c, line),
        "file-wrong file=/state/site.conf line=4 remedy=write-idle why=value-time-out-of-range key=idle value=1+s");
    assert_string_equal(cause_sentence(&c, CAUSE_EN, CAUSE_WRONG, text),
                        "/state/site.conf:4: `idle`: `1 s` is not between 10 s and 24 h.");
    assert_string_equal(cause_sentence(&c, CAUSE_EN, CAUSE_DO, text),
                        "Write a number and s, min or h, from 10 s to 24 h: `idle = 10 min`.");
    /* A cause in a cause in a cause. */
    struct cause outer;
    cause_because(&outer, CAUSE_BOOT_SITE_FILE, &c, NULL);
    assert_string_equal(cause_sentence(&outer, CAUSE_EN, CAUSE_WRONG, text),
                        "The site file is not valid. The box stays closed. /state/site.conf:4: `idle`: `1 s` is not "
                        "between 10 s and 24 h.");
    assert_string_equal(cause_sentence(&outer, CAUSE_EN, CAUSE_DO, text),
                        "Write a number and s, min or h, from 10 s to 24 h: `idle = 10 min`.");
}

/* ---- what does not fit ---- */

static void a_cause_is_never_wrong(void **state)
{
    char line[CAUSE_LINE_MAX], much[600];
    struct cause c, why;
    (void)state;
    cause_set(&c, CAUSE_WORDS, "\033[2Jred\n\xe3\x81\x82 \x7f", NULL);
    assert_string_equal(cause_line(&c, line), "words words=?[2Jred????+?");
    cause_set(&c, CAUSE_EST_UNREACHABLE, "a name", "many", "-1", NULL);
    assert_string_equal(cause_line(&c, line), "est-unreachable server=a?name port=0 error=0");
    cause_set(&c, CAUSE_EST_UNREACHABLE, "", NULL); /* too few of them */
    assert_string_equal(cause_line(&c, line), "est-unreachable server=? port=0 error=0");
    cause_set(&c, CAUSE_TUNNEL_UP, "No Service", NULL);
    assert_string_equal(cause_line(&c, line), "tunnel-up service=unknown");
    cause_set(&c, CAUSE_TUNNEL_FAILED, "lab", NULL); /* without its cause */
    assert_string_equal(cause_line(&c, line), "tunnel-failed service=lab why=unknown");
    memset(much, 'x', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    cause_set(&c, CAUSE_WORDS, much, NULL);
    assert_true(cause_valid(&c));
    assert_int_equal(strlen(cause_line(&c, line)), strlen("words words=") + CAUSE_SHORT_MAX - 1);
    /* A value that is cut is cut between two characters. */
    (void)snprintf(much, sizeof much, "%s%s%s%s", "あいうえおかきくけこ", "さしすせそたちつてと",
                   "なにぬねのはひふへほ", "まみむめもやゆよらり");
    cause_set(&why, CAUSE_VALUE_TOO_LONG, "name", much, NULL);
    assert_true(cause_valid(&why));
    /* More than there is room for: still one of ours. */
    cause_because(&c, CAUSE_FILE_WRONG, &why, much, "1", "write-idle", NULL);
    assert_true(cause_valid(&c) && c.code != CAUSE_NONE);
    cause_set(&c, CAUSE_NONE, NULL);
    assert_true(c.code == CAUSE_NONE && cause_valid(&c));
    assert_string_equal(cause_line(&c, line), "");
}

/* Append another argument. False: no room for all of it. */
static bool put_arg(struct cause *c, size_t *len, const char *word, size_t repeat)
{
    for (size_t i = 0; i < repeat * strlen(word); i++)
        if (*len < sizeof c->args)
            c->args[(*len)++] = word[i % strlen(word)];
    if (*len == sizeof c->args)
        return false;
    c->args[(*len)++] = '\0';
    return true;
}

/*
 * Each part is good by itself; what comes of it would not fit a line, or is not all there: it would be told to
 * nobody.
 */
static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    for (unsigned complete = 0; complete <= 1; complete++) {
        struct cause c = {.code = CAUSE_EST_UNRESOLVED};
        size_t len = 0;
        assert_true(put_arg(&c, &len, "a", 95) && put_arg(&c, &len, "est-unresolved", 1) && put_arg(&c, &len, "a", 95));
        if (complete)
            assert_true(put_arg(&c, &len, "words", 1) && put_arg(&c, &len, "%", 95));
        else
            assert_true(put_arg(&c, &len, "est-unresolved", 1) && put_arg(&c, &len, "a", 95) && len == sizeof c.args);
        assert_true(cause_of_est(&c));
        assert_false(cause_valid(&c));
    }
}

static void strangers_are_refused(void **state)
{
    struct cause good, c;
    (void)state;
    cause_set(&good, CAUSE_EST_UNREACHABLE, "est.example.jp", "443", "111", NULL);
    assert_true(cause_valid(&good) && cause_of_est(&good));
#define REFUSED(...)                                                                                                   \
    do {                                                                                                               \
        c = good;                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        assert_false(cause_valid(&c));                                                                                 \
    } while (0)
    REFUSED(c.code = CAUSE_CODES);
    REFUSED(c.code = UINT16_MAX);
    REFUSED(c.code = CAUSE_HUB_SILENT); /* which has no arguments */
    REFUSED(memset(c.args, 'a', sizeof c.args)); /* no end */
    REFUSED(c.args[sizeof c.args - 1] = 'x'); /* something behind them */
    REFUSED(memcpy(c.args + 15, "x43", 3)); /* no number */
    REFUSED(c.args[3] = '\n');
    REFUSED(c.args[3] = '\x1b');
    REFUSED(c.args[3] = '\xe3');
    c = good;
    c.code = CAUSE_NONE;
    assert_false(cause_valid(&c));
    cause_because(&c, CAUSE_TUNNEL_FAILED, &good, "lab", NULL);
    assert_true(cause_valid(&c));
    memcpy(strstr(c.args, "lab") + 4, "est-unknown-one", 16);
    assert_false(cause_valid(&c));
    /* Of all that there is, the network part of enroll may say its own only. */
    assert_true(cause_of_est(&(struct cause){0}));
    cause_set(&c, CAUSE_FIREWALL_NOT_LOADED, NULL);
    assert_true(cause_valid(&c));
    assert_false(cause_of_est(&c));
    cause_because(&c, CAUSE_EST_TLS_FAILED, &c, NULL);
    assert_true(cause_valid(&c));
    assert_false(cause_of_est(&c));
    cause_system(&c, 110);
    cause_because(&c, CAUSE_EST_TLS_FAILED, &c, NULL);
    assert_true(cause_of_est(&c));
}

static void lines_that_are_none(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "nothing-of-ours",
                                      "The gate has a fault.",
                                      "hub-silent ",
                                      "hub-silent service=lab",
                                      "tunnel-up",
                                      "tunnel-up service=",
                                      "tunnel-up service=LAB",
                                      "tunnel-up  service=lab",
                                      "tunnel-up name=lab",
                                      "tunnel-up service=lab more=1",
                                      "tunnel-up service=lab\n",
                                      "tunnel-failed service=lab",
                                      "tunnel-failed service=lab why=",
                                      "tunnel-failed service=lab why=none",
                                      "tunnel-failed service=lab why=hub-silent x",
                                      "words words=%",
                                      "words words=%0",
                                      "words words=%00",
                                      "words words=%zz",
                                      "words words=%1b[2J",
                                      "words words=\xe3\x81\x82",
                                      "value-too-long key=idle value=\xe3\x81",
                                      "file-unusable file=x remedy=tunnel-up why=file-too-large",
                                      "a-word-that-is-longer-than-any-word-of-the-table-can-be"};
    struct cause c;
    char line[CAUSE_LINE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(&c, 1, sizeof c);
        if (cause_parse(bad[i], &c) || c.code != CAUSE_NONE)
            fail_msg("taken for a cause: %s", bad[i]);
    }
    assert_true(cause_parse("words words=a+%2b+b%3d%22", &c));
    assert_string_equal(c.args, "a + b=\"");
    assert_string_equal(cause_line(&c, line), "words words=a+%2b+b%3d%22");
    /* A cause in a cause, without end: it ends. */
    assert_true(cause_parse("cert-refused why=cert-refused why=cert-refused why=no-memory", &c));
    assert_false(cause_parse("cert-refused why=cert-refused why=cert-refused why=cert-refused why=cert-refused "
                             "why=cert-refused why=cert-refused why=cert-refused why=cert-refused why=cert-refused "
                             "why=cert-refused why=no-memory",
                             &c));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_columns_are_filled_and_fit),
        cmocka_unit_test(each_column_is_in_its_language),
        cmocka_unit_test(words_are_words_and_differ),
        cmocka_unit_test(what_follows_leads_somewhere),
        cmocka_unit_test(each_goes_there_and_back),
        cmocka_unit_test(sentences),
        cmocka_unit_test(a_cause_is_never_wrong),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(lines_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
