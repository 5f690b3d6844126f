/* A certificate's subject for gate and for people, and its maximum length. */
#include "keys.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char key_pem[KEYS_PEM_MAX], cert_pem[KEYS_CERT_PEM_MAX];
static uint8_t ca_der[KEYS_CERT_MAX], cert_der[KEYS_CERT_MAX], ca_sha256[32], name_der[4096];
static size_t key_len, cert_len, ca_der_len, cert_der_len, name_len;

/* One more change before it is signed; NULL: none. */
static void (*twist)(X509 *cert);

static void stamp(X509 *cert, const X509_NAME *issuer, EVP_PKEY *subject, EVP_PKEY *signer)
{
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_set_version(cert, X509_VERSION_3);
    X509_set_issuer_name(cert, issuer);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, subject);
    if (twist)
        twist(cert);
    assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
}

/* A certificate of our key with this subject, and its CA. */
static void issue(X509_NAME *subject)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    key_len = keys_make(key_pem, sizeof key_pem);
    BIO *bio = BIO_new_mem_buf(key_pem, (int)key_len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    X509 *ca = X509_new(), *cert = X509_new();
    X509_NAME_add_entry_by_txt(X509_get_subject_name(ca), "CN", MBSTRING_ASC, (const unsigned char *)"CA", -1, -1, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(ca, e, -1);
    void (*later)(X509 *) = twist;
    twist = NULL;
    stamp(ca, X509_get_subject_name(ca), ca_key, ca_key);
    twist = later;
    X509_set_subject_name(cert, subject);
    stamp(cert, X509_get_subject_name(ca), key, ca_key);
    uint8_t *at = ca_der;
    ca_der_len = (size_t)i2d_X509(ca, &at);
    at = cert_der;
    cert_der_len = (size_t)i2d_X509(cert, &at);
    X509_digest(ca, EVP_sha256(), ca_sha256, NULL);
    cert_len = keys_to_pem((struct keys_der){cert_der_len, cert_der}, cert_pem, sizeof cert_pem);
    assert_true(cert_len > 0);
    at = name_der;
    name_len = (size_t)i2d_X509_NAME(subject, &at);
    X509_EXTENSION_free(e);
    X509_free(ca);
    X509_free(cert);
    BIO_free(bio);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

static bool good(struct cause *why)
{
    struct keys_issued issued = {.cert = {cert_der_len, cert_der}, .ca = {ca_der_len, ca_der}};
    return keys_check(&issued, key_pem, key_len, ca_sha256, true, why);
}

static void add(X509_NAME *n, const char *field, int type, const char *value, int len)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(n, field, type, (const unsigned char *)value, len, -1, 0), 1);
}

static void octet_by_octet(void **state)
{
    (void)state;
    struct keys_facts facts;
    struct cause why;
    X509_NAME *n = X509_NAME_new();
    add(n, "C", V_ASN1_PRINTABLESTRING, "JP", 2);
    add(n, "O", V_ASN1_BMPSTRING, "\x4f\x8b\x79\x3a", 4); /* 例示 */
    add(n, "OU", V_ASN1_T61STRING, "a, b+c", 6);
    add(n, "CN", V_ASN1_UTF8STRING, "box-1", 5);
    issue(n);
    assert_true(good(&why));
    assert_true(keys_facts(cert_pem, cert_len, &facts));
    assert_int_equal(facts.name_len, name_len);
    assert_memory_equal(facts.name, name_der, name_len);
    assert_string_equal(facts.subject, "C=JP, O=例示, OU=a\\, b\\+c, CN=box-1");
    X509_NAME_free(n);
}

static void long_ones(void **state)
{
    (void)state;
    static const struct {
        int last;
        bool good;
    } cases[] = {{46, true}, {47, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct keys_facts facts;
        struct cause why;
        char text[64];
        X509_NAME *n = X509_NAME_new();
        memset(text, 'x', sizeof text);
        for (int k = 0; k < 13; k++)
            add(n, "OU", V_ASN1_UTF8STRING, text, 62);
        add(n, "CN", V_ASN1_UTF8STRING, "病", 3); /* in the end the text is cut in a letter, and here not */
        add(n, "O", V_ASN1_UTF8STRING, text, cases[i].last);
        issue(n);
        assert_int_equal(name_len, i == 0 ? KEYS_SUBJECT_MAX : KEYS_SUBJECT_MAX + 1);
        assert_int_equal(good(&why), cases[i].good);
        assert_true(keys_facts(cert_pem, cert_len, &facts));
        assert_int_equal(facts.name_len, cases[i].good ? name_len : 0);
        assert_string_equal(facts.subject + strlen(facts.subject) - 3, "...");
        if (!cases[i].good)
            assert_string_equal(why.args, "new-cert-long-subject");
        X509_NAME_free(n);
    }
}

/* What is shown is cut between two letters. */
static void cut_between_letters(void **state)
{
    (void)state;
    for (int shift = 0; shift < 3; shift++) {
        struct keys_facts facts;
        char text[256] = "";
        X509_NAME *n = X509_NAME_new();
        for (int k = 0; k < shift; k++)
            strcat(text, "x");
        for (int k = 0; k < 20; k++)
            strcat(text, "病");
        for (int k = 0; k < 5; k++)
            add(n, "OU", V_ASN1_UTF8STRING, text, -1);
        issue(n);
        assert_true(keys_facts(cert_pem, cert_len, &facts));
        size_t len = strlen(facts.subject);
        assert_in_range(len, sizeof facts.subject - 8, sizeof facts.subject - 1);
        assert_string_equal(facts.subject + len - 3, "...");
        assert_true(memcmp(facts.subject + len - 6, "病", 3) == 0 || strchr("x=U,O ", facts.subject[len - 4]));
        X509_NAME_free(n);
    }
}

static void is_over_before_it_begins(X509 *cert)
{
    X509_gmtime_adj(X509_getm_notAfter(cert), -7200);
}

static void extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

static void is_a_ca(X509 *cert)
{
    extend(cert, NID_basic_constraints, "critical,CA:TRUE");
}

static void is_for_mail(X509 *cert)
{
    extend(cert, NID_ext_key_usage, "emailProtection");
}

/* Each certificate that is refused, and why. */
static void refused(void **state)
{
    static const struct {
        void (*twist)(X509 *cert);
        const char *cn;
        enum cause_code why;
    } cases[] = {{is_over_before_it_begins, "box-1", CAUSE_NEW_CERT_DATES},
                 {is_a_ca, "box-1", CAUSE_NEW_CERT_IS_CA},
                 {is_for_mail, "box-1", CAUSE_NEW_CERT_USAGE},
                 {NULL, NULL, CAUSE_NEW_CERT_NO_SUBJECT}};
    struct cause why;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509_NAME *n = X509_NAME_new();
        if (cases[i].cn)
            add(n, "CN", V_ASN1_UTF8STRING, cases[i].cn, -1);
        twist = cases[i].twist;
        issue(n);
        twist = NULL;
        assert_false(good(&why));
        assert_int_equal(why.code, CAUSE_CERT_REFUSED);
        assert_string_equal(why.args, cause_word(cases[i].why));
        X509_NAME_free(n);
    }
    X509_NAME *n = X509_NAME_new();
    add(n, "CN", V_ASN1_UTF8STRING, "box-1", -1);
    issue(n);
    assert_true(good(&why));
    uint8_t junk[] = {0x30, 0};
    struct keys_issued issued = {.cert = {cert_der_len, cert_der}, .ca = {ca_der_len, ca_der}, .chain_count = 1};
    issued.chain[0] = (struct keys_der){sizeof junk, junk};
    assert_false(keys_check(&issued, key_pem, key_len, ca_sha256, true, &why));
    assert_string_equal(why.args, cause_word(CAUSE_NEW_CERT_CHAIN));
    issued = (struct keys_issued){.cert = {sizeof junk, junk}, .ca = {ca_der_len, ca_der}};
    assert_false(keys_check(&issued, key_pem, key_len, ca_sha256, true, &why));
    assert_string_equal(why.args, cause_word(CAUSE_NEW_CERT_NONE));
    ca_sha256[0] ^= 1;
    assert_false(good(&why));
    assert_string_equal(why.args, cause_word(CAUSE_NEW_CERT_OTHER_CA));
    X509_NAME_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octet_by_octet),
        cmocka_unit_test(long_ones),
        cmocka_unit_test(cut_between_letters),
        cmocka_unit_test(refused),
    };
    keys_init();
    return cmocka_run_group_tests_name("enroll_subject", tests, NULL, NULL);
}
