#include "keys.h"

#include "conf.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

void keys_init(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ATEXIT,
                        NULL);
}

/* ---- conversion between text and OpenSSL's types ---- */

static EVP_PKEY *read_key(const char *pem, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static X509 *read_pem(const char *pem, size_t len, unsigned index)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509 *cert = NULL;
    for (unsigned i = 0; bio && i <= index; i++) {
        X509_free(cert);
        cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!cert)
            break;
    }
    BIO_free(bio);
    return cert;
}

/* One certificate, without trailing octets. */
static X509 *read_der(struct keys_der der)
{
    const unsigned char *at = der.data;
    X509 *cert = der.len > 0 && der.len <= KEYS_CERT_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (cert && at != der.data + der.len) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

static size_t take_bio(BIO *bio, void *out, size_t max)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    if (len <= 0 || (size_t)len > max)
        return 0;
    memcpy(out, data, (size_t)len);
    return (size_t)len;
}

/* ---- making keys and requests ---- */

size_t keys_make(char *pem, size_t max)
{
    size_t len = 0;
    EVP_PKEY *key = EVP_EC_gen(ENROLL_CURVE);
    BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
    if (key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        len = take_bio(bio, pem, max);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return len;
}

static bool add_names(X509_REQ *request, const char *device)
{
    X509_NAME *subject = X509_NAME_new();
    bool good =
        subject &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)device, -1, -1, 0) == 1 &&
        X509_REQ_set_subject_name(request, subject) == 1;
    X509_NAME_free(subject);
    if (!good || !conf_is_fqdn(device))
        return good;

    char san[80];
    snprintf(san, sizeof san, "DNS:%s", device);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
    good = ext && exts && sk_X509_EXTENSION_push(exts, ext) > 0;
    if (!good)
        X509_EXTENSION_free(ext);
    good = good && X509_REQ_add_extensions(request, exts) == 1;
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    return good;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

size_t keys_request(const char *key_pem, size_t key_len, const char *device, uint8_t *der, size_t max)
{
    EVP_PKEY *key = read_key(key_pem, key_len);
    X509_REQ *request = X509_REQ_new();
    size_t len = 0;
    if (key && request && X509_REQ_set_pubkey(request, key) == 1 && add_names(request, device) &&
        X509_REQ_sign(request, key, digest_for(key)) > 0) {
        int need = i2d_X509_REQ(request, NULL);
        if (need > 0 && (size_t)need <= max) {
            unsigned char *at = der;
            len = (size_t)i2d_X509_REQ(request, &at);
        }
    }
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return len;
}

bool keys_request_fits(const uint8_t *der, size_t len, const char *key_pem, size_t key_len, const char *device)
{
    const unsigned char *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)len);
    EVP_PKEY *key = read_key(key_pem, key_len);
    char name[128] = "";
    bool fits = request && key && EVP_PKEY_eq(X509_REQ_get0_pubkey(request), key) == 1;
    if (fits)
        X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, name, sizeof name);
    fits = fits && strcmp(name, device) == 0;
    EVP_PKEY_free(key);
    X509_REQ_free(request);
    return fits;
}

size_t keys_sign(const char *key_pem, size_t key_len, const uint8_t *digest, size_t digest_len, uint8_t *out,
                 size_t max)
{
    EVP_PKEY *key = read_key(key_pem, key_len);
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    size_t len = max;
    if (!ctx || EVP_PKEY_sign_init(ctx) != 1 || EVP_PKEY_sign(ctx, out, &len, digest, digest_len) != 1)
        len = 0;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return len;
}

/* ---- checking certificates ---- */

/*
 * The extended key usage: absent, or one that IKE peers accept: clientAuth, ipsecIKE (RFC 4945), iKEIntermediate,
 * any.
 */
static bool uses_fit(X509 *cert)
{
    static const char *const good[] = {"1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2", "2.5.29.37.0"};
    bool fit = (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) != 0; /* all bits are set if the extension is absent */
    EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    if (!uses)
        return fit && X509_get_ext_by_NID(cert, NID_ext_key_usage, -1) < 0;
    bool found = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++) {
        char oid[64];
        OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(uses, i), 1);
        for (size_t k = 0; k < sizeof good / sizeof *good; k++)
            found = found || strcmp(oid, good[k]) == 0;
    }
    EXTENDED_KEY_USAGE_free(uses);
    return fit && found;
}

static bool fingerprint_is(X509 *cert, const uint8_t sha256[32])
{
    uint8_t found[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    return X509_digest(cert, EVP_sha256(), found, &len) == 1 && len == 32 && memcmp(found, sha256, 32) == 0;
}

static int verify_chain(X509 *cert, X509 *ca, STACK_OF(X509) * between, bool check_time)
{
    X509_STORE *trust = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;
    if (trust && ctx && X509_STORE_add_cert(trust, ca) == 1 && X509_STORE_CTX_init(ctx, trust, cert, between) == 1) {
        /* the pinned certificate is the anchor, self-signed or not */
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN | (check_time ? 0 : X509_V_FLAG_NO_CHECK_TIME));
        error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
        if (error == X509_V_OK && X509_STORE_CTX_get_num_untrusted(ctx) > KEYS_CHAIN_MAX + 1)
            error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trust);
    return error;
}

static bool dates_in_order(X509 *cert)
{
    int days, seconds;
    return ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(cert), X509_get0_notAfter(cert)) == 1 &&
           (days > 0 || (days == 0 && seconds > 0));
}

/* What is wrong with the certificate; CAUSE_NONE: nothing. */
static void find_fault(struct cause *out, X509 *cert, X509 *ca, STACK_OF(X509) * between, EVP_PKEY *key,
                       const uint8_t sha256[32], bool check_time)
{
    enum cause_code wrong = CAUSE_NONE;
    if (!ca || !fingerprint_is(ca, sha256))
        wrong = CAUSE_NEW_CERT_OTHER_CA;
    else if (!cert)
        wrong = CAUSE_NEW_CERT_NONE;
    else if (!key || EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
        wrong = CAUSE_NEW_CERT_OTHER_KEY;
    else if (X509_check_ca(cert) != 0)
        wrong = CAUSE_NEW_CERT_IS_CA;
    else if (!uses_fit(cert))
        wrong = CAUSE_NEW_CERT_USAGE;
    else if (!dates_in_order(cert))
        wrong = CAUSE_NEW_CERT_DATES;
    else if (!X509_NAME_entry_count(X509_get_subject_name(cert)))
        wrong = CAUSE_NEW_CERT_NO_SUBJECT;
    else if (i2d_X509_NAME(X509_get_subject_name(cert), NULL) > KEYS_SUBJECT_MAX)
        wrong = CAUSE_NEW_CERT_LONG_SUBJECT;
    cause_set(out, wrong, NULL);
    int error = wrong ? X509_V_OK : verify_chain(cert, ca, between, check_time);
    if (error != X509_V_OK)
        cause_set(out, CAUSE_WORDS, X509_verify_cert_error_string(error), NULL);
}

bool keys_check(const struct keys_issued *issued, const char *key_pem, size_t key_len, const uint8_t ca_sha256[32],
                bool clock_trusted, struct cause *why)
{
    X509 *cert = read_der(issued->cert), *ca = read_der(issued->ca);
    EVP_PKEY *key = read_key(key_pem, key_len);
    STACK_OF(X509) *between = sk_X509_new_null();
    struct cause fault;
    cause_set(&fault, between ? CAUSE_NONE : CAUSE_NO_MEMORY, NULL);
    for (unsigned i = 0; !fault.code && i < issued->chain_count; i++) {
        X509 *link = read_der(issued->chain[i]);
        if (!link || sk_X509_push(between, link) <= 0) {
            X509_free(link);
            cause_set(&fault, CAUSE_NEW_CERT_CHAIN, NULL);
        }
    }
    if (!fault.code)
        find_fault(&fault, cert, ca, between, key, ca_sha256, clock_trusted);
    if (fault.code)
        cause_because(why, CAUSE_CERT_REFUSED, &fault, NULL);
    sk_X509_pop_free(between, X509_free);
    EVP_PKEY_free(key);
    X509_free(ca);
    X509_free(cert);
    return fault.code == CAUSE_NONE;
}

/* ---- facts for people ---- */

/* Cut at a UTF-8 character boundary and append a mark that it was cut. */
static void cut_text(char *out, size_t len)
{
    static const char more[] = "...";
    while (len > 0 && ((unsigned char)out[len] & 0xc0) == 0x80)
        len--;
    memcpy(out + len, more, sizeof more);
}

static void name_der(const X509_NAME *name, struct keys_facts *out)
{
    uint8_t *at = out->name;
    int len = i2d_X509_NAME(name, NULL);
    out->name_len = len > 0 && len <= KEYS_SUBJECT_MAX ? (size_t)i2d_X509_NAME(name, &at) : 0;
}

static void name_text(const X509_NAME *name, char *out, size_t max)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned long flags = (ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) | XN_FLAG_SEP_CPLUS_SPC;
    char *text = NULL;
    long len = bio && X509_NAME_print_ex(bio, name, 0, flags) >= 0 ? BIO_get_mem_data(bio, &text) : 0;
    size_t room = max - sizeof "...";
    out[0] = 0;
    if (len > 0)
        snprintf(out, max, "%.*s", (int)len, text);
    if (len > 0 && (size_t)len >= max)
        cut_text(out, room);
    BIO_free(bio);
}

static int64_t unix_time(const ASN1_TIME *t)
{
    struct tm parts;
    return ASN1_TIME_to_tm(t, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

bool keys_facts(const char *cert_pem, size_t len, struct keys_facts *out)
{
    X509 *cert = read_pem(cert_pem, len, 0);
    memset(out, 0, sizeof *out);
    if (!cert)
        return false;
    name_der(X509_get_subject_name(cert), out);
    name_text(X509_get_subject_name(cert), out->subject, sizeof out->subject);
    name_text(X509_get_issuer_name(cert), out->issuer, sizeof out->issuer);
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = serial ? BN_bn2hex(serial) : NULL;
    snprintf(out->serial, sizeof out->serial, "%s", hex ? hex : "?");
    OPENSSL_free(hex);
    BN_free(serial);
    out->not_before = unix_time(X509_get0_notBefore(cert));
    out->not_after = unix_time(X509_get0_notAfter(cert));
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (X509_digest(cert, EVP_sha256(), digest, NULL) == 1)
        memcpy(&out->spread, digest, sizeof out->spread);
    X509_free(cert);
    return true;
}

bool keys_pair(const char *key_pem, size_t key_len, const char *cert_pem, size_t cert_len)
{
    EVP_PKEY *key = read_key(key_pem, key_len);
    X509 *cert = read_pem(cert_pem, cert_len, 0);
    bool same = key && cert && EVP_PKEY_eq(X509_get0_pubkey(cert), key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    return same;
}

size_t keys_to_pem(struct keys_der der, char *pem, size_t max)
{
    X509 *cert = read_der(der);
    BIO *bio = BIO_new(BIO_s_mem());
    size_t len = cert && bio && PEM_write_bio_X509(bio, cert) == 1 ? take_bio(bio, pem, max) : 0;
    BIO_free(bio);
    X509_free(cert);
    return len;
}

size_t keys_to_der(const char *pem, size_t len, unsigned index, uint8_t *der, size_t max)
{
    X509 *cert = read_pem(pem, len, index);
    int need = cert ? i2d_X509(cert, NULL) : 0;
    size_t out = 0;
    if (need > 0 && (size_t)need <= max)
        out = (size_t)i2d_X509(cert, &der);
    X509_free(cert);
    return out;
}
