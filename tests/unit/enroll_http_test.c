/*
 * Responses of an enrolment server: HTTP framing, base64 in every form, Retry-After in every form, certs-only PKCS#7.
 */
#include "base64.h"
#include "certs_only.h"
#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* wants the headers above first */

static struct http_response response;
static char *memory; /* exactly as large as the response, so that ASan sees one octet too many */

static enum http_result parse_octets(const char *data, size_t len, bool eof)
{
    free(memory);
    memory = malloc(len > 0 ? len : 1);
    memcpy(memory, data, len);
    return http_parse(memory, len, eof, &response);
}

static enum http_result parse(const char *text, bool eof)
{
    return parse_octets(text, strlen(text), eof);
}

static void assert_body(const char *text)
{
    assert_int_equal(response.body_len, strlen(text));
    assert_memory_equal(response.body, text, strlen(text));
}

/* Whole, it is DONE; each beginning of it is MORE, and BAD if the connection ended there. */
static void assert_every_cut(const char *text)
{
    for (size_t len = 0; len < strlen(text); len++) {
        assert_int_equal(parse_octets(text, len, false), HTTP_MORE);
        assert_int_equal(parse_octets(text, len, true), HTTP_BAD);
    }
    assert_int_equal(parse(text, false), HTTP_DONE);
}

static void test_content_length(void **state)
{
    (void)state;
    assert_every_cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello");
    assert_int_equal(response.status, 200);
    assert_body("hello");
    assert_int_equal(parse("HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello and more", false), HTTP_DONE);
    assert_body("hello");
    assert_int_equal(parse("HTTP/1.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", false), HTTP_DONE);
    assert_body("");
}

static void test_chunked(void **state)
{
    (void)state;
    assert_every_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
    assert_body("abc0123456789");
    assert_every_cut("HTTP/1.1 200 OK\r\ntransfer-encoding:\tChunked \r\n\r\n0\r\n\r\n");
    assert_body("");
}

static void test_until_close(void **state)
{
    (void)state;
    assert_int_equal(parse("HTTP/1.0 200 OK\r\nServer: x\r\n\r\nall of it", false), HTTP_MORE);
    assert_int_equal(parse("HTTP/1.0 200 OK\r\nServer: x\r\n\r\nall of it", true), HTTP_DONE);
    assert_body("all of it");
    /* lines ended by \n alone, and no space before an empty reason */
    assert_int_equal(parse("HTTP/1.0 200\nServer: x\n\nbody", true), HTTP_DONE);
    assert_body("body");
}

static void test_interim_and_empty(void **state)
{
    (void)state;
    assert_every_cut("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nX: y\r\n\r\n"
                     "HTTP/1.1 202 Accepted\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(response.status, 202);
    assert_string_equal(response.retry_after, "7");
    assert_int_equal(parse("HTTP/1.1 204 No Content\r\n\r\n", false), HTTP_DONE);
    assert_int_equal(response.body_len, 0);
}

static void test_fields(void **state)
{
    (void)state;
    assert_int_equal(parse("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"a\"\r\nDate: now\r\n"
                           "www-authenticate:   Basic realm=\"b\"  \r\nContent-Length: 0\r\n\r\n",
                           false),
                     HTTP_DONE);
    assert_string_equal(response.authenticate, "Digest realm=\"a\", Basic realm=\"b\"");
    assert_string_equal(response.date, "now");
    char text[1024];
    snprintf(text, sizeof text, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n%s%0300d\r\n%s%0300d\r\n\r\n",
             "WWW-Authenticate: ", 1, "WWW-Authenticate: ", 2);
    assert_int_equal(parse(text, false), HTTP_DONE);
    assert_int_equal(strlen(response.authenticate), HTTP_FIELD_MAX - 1);
}

static void test_garbage(void **state)
{
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 600 High\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName : space\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(bad[i], false) != HTTP_BAD)
            fail_msg("accepted: %s", bad[i]);
    static const char nul[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n";
    assert_int_equal(parse_octets(nul, sizeof nul - 1, false), HTTP_BAD);
}

static void test_oversize(void **state)
{
    static char large[HTTP_RESPONSE_MAX + 1];
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    (void)state;
    memset(large, 'a', sizeof large);
    assert_int_equal(parse_octets(large, 100, false), HTTP_MORE); /* perhaps a line to come */
    assert_int_equal(parse_octets(large, HTTP_HEAD_MAX + 1, false), HTTP_BAD);
    memcpy(large, head, sizeof head - 1);
    assert_int_equal(parse_octets(large, HTTP_RESPONSE_MAX - 1, false), HTTP_MORE);
    assert_int_equal(parse_octets(large, HTTP_RESPONSE_MAX, true), HTTP_DONE);
    assert_int_equal(parse_octets(large, HTTP_RESPONSE_MAX, false), HTTP_BAD);
    assert_int_equal(parse_octets(large, HTTP_RESPONSE_MAX + 1, true), HTTP_BAD);
    memcpy(large, "HTTP/1.1 200 OK\r\nA: ", 20);
    assert_int_equal(parse_octets(large, HTTP_HEAD_MAX + 100, false), HTTP_BAD);
}

/* ---- Retry-After ---- */

static void assert_wait(const char *value, const char *date, int64_t now, long seconds)
{
    uint32_t got = 0;
    bool read = retry_after(value, date, now, &got);
    if (read != (seconds >= 0) || (read && got != (uint32_t)seconds))
        fail_msg("Retry-After: %s with Date: %s gives %s %u, not %ld", value, date, read ? "yes" : "no", got, seconds);
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_wait("0", "", 0, 0);
    assert_wait("120", "", 0, 120);
    assert_wait("86400", "", 0, 86400);
    assert_wait("86401", "", 0, RETRY_AFTER_MAX);
    assert_wait("99999999999999999999", "", 0, RETRY_AFTER_MAX);
    assert_wait("Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 0, 60);
    assert_wait("Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:49:37 1994", 784111777, 60);
    assert_wait("Sun, 06 Nov 1994 08:50:37 GMT", "rubbish", 784111777, 60); /* our own clock */
    assert_wait("Sun, 06 Nov 1994 08:49:37 GMT", "", 784111777 + 5, 0); /* in the past */
    assert_wait("Sun, 06 Nov 2094 08:49:37 GMT", "", 784111777, RETRY_AFTER_MAX);
    assert_wait("", "", 0, -1);
    assert_wait("-5", "", 0, -1);
    assert_wait("5 minutes", "", 0, -1);
    assert_wait("tomorrow", "", 0, -1);
}

static void test_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t expected; /* -1: no date */
    } dates[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2024 23:59:60 GMT", 1709251200},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37 JST", -1},
        {"Sun, 06 Nov 1994 08:49:37", -1},
        {"Sun, 06 Nvo 1994 08:49:37 GMT", -1},
        {"Sun, 32 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:60:37 GMT", -1},
        {"Sun Nov  6 08:49:37 1994 ", -1},
        {"Sun", -1},
        {", ", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        int64_t out = -1;
        bool read = http_date(dates[i].text, 1763683200, &out);
        if (read != (dates[i].expected >= 0) || (read && out != dates[i].expected))
            fail_msg("%s gives %lld", dates[i].text, (long long)out);
    }
}

static void test_two_digit_years(void **state)
{
    int64_t out;
    (void)state;
    assert_true(http_date("Monday, 01-Jan-30 00:00:00 GMT", 1763683200, &out)); /* seen from 2025 it is 2030 */
    assert_int_equal(out, 1893456000);
    assert_true(http_date("Monday, 01-Jan-80 00:00:00 GMT", 1763683200, &out)); /* more than 50 years ahead: 1980 */
    assert_int_equal(out, 315532800);
}

/* ---- base64 ---- */

static long decode(const char *text, uint8_t *out, size_t max)
{
    return base64_decode(text, strlen(text), out, max);
}

static void test_base64_forms(void **state)
{
    static const char *const forms[] = {
        "SGVsbG8sIEVTVCE=",
        "SGVsbG8sIEVTVCE",
        "SGVs\nbG8s\r\nIEVT VCE=\n\n",
        "  \tSGVsbG8sIEVTVCE = \r\n",
        "-----BEGIN PKCS7-----\nSGVsbG8sIEVTVCE=\n-----END PKCS7-----\n",
        "-----BEGIN PKCS7-----\r\nSGVsbG8sIEVTVCE=\r\n-----END PKCS7-----",
    };
    uint8_t out[64];
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_int_equal(decode(forms[i], out, sizeof out), 11);
        assert_memory_equal(out, "Hello, EST!", 11);
    }
}

static void test_base64_refused(void **state)
{
    static const char *const bad[] = {"A", "AAAAA", "A=",   "A===", "AA=A",   "AAA==",   "AA===",
                                      "=", "AAAA=", "AA*A", "AA-A", "<html>", "AAAA\x80"};
    uint8_t out[64];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (decode(bad[i], out, sizeof out) != -1)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(decode("", out, sizeof out), 0);
    assert_int_equal(decode("AAAA", out, 2), -1); /* no room */
    assert_int_equal(decode("AAA", out, 1), -1);
    assert_int_equal(decode("AAA=", out, 2), 2);
}

static void test_base64_round_trip(void **state)
{
    uint8_t data[300], back[300];
    char text[BASE64_TEXT_MAX(sizeof data)];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 3));
    for (size_t len = 1; len <= sizeof data; len++) {
        char *exact = malloc(BASE64_TEXT_MAX(len)); /* so that ASan sees whether it is enough */
        size_t n = base64_wrapped(data, len, exact, BASE64_TEXT_MAX(len));
        memcpy(text, exact, n + 1);
        assert_true(n > 0 && n == strlen(text) && text[n - 1] == '\n');
        for (char *line = text; *line; line = strchr(line, '\n') + 1)
            assert_true(strcspn(line, "\n") <= BASE64_COLUMNS);
        assert_int_equal(base64_decode(text, n, back, sizeof back), len);
        assert_memory_equal(back, data, len);
        n = base64_plain(data, len, text, sizeof text);
        assert_true(n == (len + 2) / 3 * 4 && !strchr(text, '\n'));
        assert_int_equal(base64_decode(text, n, (uint8_t *)text, sizeof text), len); /* in place */
        assert_memory_equal(text, data, len);
        free(exact);
    }
    assert_int_equal(base64_wrapped(data, 30, text, 20), 0);
    assert_int_equal(base64_plain(data, 30, text, 40), 0);
}

/* ---- certs-only ---- */

static void test_no_certs_only(void **state)
{
    static const char *const bad[] = {"", "A", "hello world!", "MAA=", "<html><body>Log in</body></html>", "0\x80",
                                      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                                      /* signed data with no certificates */
                                      "MCMGCSqGSIb3DQEHAqAWMBQCAQExADALBgkqhkiG9w0BBwExAA=="};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *body = strdup(bad[i]);
        assert_null(certs_only(body, strlen(body)));
        free(body);
    }
}

static int clean_up(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void redirects(void **state)
{
    static const struct {
        const char *location, *path; /* NULL: not followed */
    } cases[] = {{"https://est.lab:8085/a/b?c=d", "/a/b?c=d"},
                 {"https://EST.lab:8085/x", "/x"},
                 {"HTTPS://est.lab:8085/x#part", "/x"},
                 {"/est/simpleenroll", "/est/simpleenroll"},
                 {"https://est.lab/x", NULL},
                 {"https://est.lab:8086/x", NULL},
                 {"https://est.lab:80855/x", NULL},
                 {"https://other.lab:8085/x", NULL},
                 {"https://est.lab:8085.other/x", NULL},
                 {"https://est.lab:8085@other/x", NULL},
                 {"https://user@est.lab:8085/x", NULL},
                 {"https://est.lab:8085", NULL},
                 {"http://est.lab:8085/x", NULL},
                 {"//other.lab/x", NULL},
                 {"/\\other.lab/x", NULL},
                 {"x", NULL},
                 {"", NULL},
                 {"/a b", NULL},
                 {"/a\tb", NULL},
                 {"/\xc3\xa9", NULL}};
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool good = http_target(cases[i].location, "est.lab", 8085, path, sizeof path);
        if (good != (cases[i].path != NULL))
            fail_msg("`%s` was %s", cases[i].location, good ? "followed" : "not followed");
        if (good)
            assert_string_equal(path, cases[i].path);
    }
    assert_true(http_target("https://est.lab/x", "est.lab", 443, path, sizeof path));
    assert_true(http_target("https://[2001:db8::1]:8085/x", "2001:db8::1", 8085, path, sizeof path));
    assert_false(http_target("/0123456789", "est.lab", 443, path, 11)); /* no half path */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirects),
        cmocka_unit_test(test_content_length),
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_until_close),
        cmocka_unit_test(test_interim_and_empty),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_oversize),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_two_digit_years),
        cmocka_unit_test(test_base64_forms),
        cmocka_unit_test(test_base64_refused),
        cmocka_unit_test(test_base64_round_trip),
        cmocka_unit_test(test_no_certs_only),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
