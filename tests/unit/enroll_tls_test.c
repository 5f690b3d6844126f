/*
 * One HTTPS request against OpenSSL's server side: a client certificate that is requested only after the path has been
 * read, as by Apache in a Location, and a server whose CA is known only by its fingerprint.
 */
#include "test.h"

#include "clock.h"
#include "tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum asks { ASKS_NOBODY, ASKS_LATER_13, ASKS_LATER_12 };

struct pair {
    X509 *cert;
    EVP_PKEY *key;
};
static struct pair root, middle, server, client, stranger;

static void extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static struct pair issue(const char *name, const struct pair *by, bool ca, long days)
{
    static long serial = 1;
    struct pair p = {X509_new(), EVP_EC_gen("P-256")};
    X509_set_version(p.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(p.cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(p.cert, X509_get_subject_name(by ? by->cert : p.cert));
    X509_gmtime_adj(X509_getm_notBefore(p.cert), -2 * 86400);
    X509_gmtime_adj(X509_getm_notAfter(p.cert), days * 86400);
    X509_set_pubkey(p.cert, p.key);
    extend(p.cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!ca)
        extend(p.cert, NID_subject_alt_name, "DNS:est.lab");
    assert_true(X509_sign(p.cert, by ? by->key : p.key, EVP_sha256()) > 0);
    return p;
}

static int make_certificates(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    root = issue("Public Root", NULL, true, 30);
    middle = issue("Public CA", &root, true, 30);
    server = issue("est", &middle, false, 30);
    client = issue("box", &root, false, 30);
    stranger = issue("Stranger", NULL, true, 30);
    return 0;
}

static void forget(const struct pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
}

static int forget_certificates(void **state)
{
    static const struct pair *const all[] = {&root, &middle, &server, &client, &stranger};
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        forget(all[i]);
    return 0;
}

/* ---- the server ---- */

static int anybody(int good, X509_STORE_CTX *ctx)
{
    (void)good;
    (void)ctx;
    return 1;
}

/*
 * What the client answers is read as it comes. In TLS 1.2 the second handshake is driven to its end; after TLS 1.3's
 * request nothing can be driven, and the client, which waits for its page, has nothing else to send: a reading runs
 * into its limit.
 */
static void ask_later(SSL *ssl, enum asks asks)
{
    if (asks == ASKS_NOBODY)
        return;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, anybody);
    bool asked = asks == ASKS_LATER_13 ? SSL_verify_client_post_handshake(ssl) == 1 : SSL_renegotiate(ssl) == 1;
    if (!asked)
        return;
    (void)SSL_do_handshake(ssl);
    char nothing;
    size_t got;
    for (int i = 0; i < 30 && !SSL_get0_peer_certificate(ssl); i++)
        if (SSL_read_ex(ssl, &nothing, 1, &got) != 1 && SSL_get_error(ssl, 0) != SSL_ERROR_WANT_READ)
            return;
}

static void serve_one(int listener, enum asks asks, const struct pair *as)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (asks >= ASKS_LATER_12)
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_use_certificate(ctx, as->cert);
    SSL_CTX_use_PrivateKey(ctx, as->key);
    SSL_CTX_add1_chain_cert(ctx, middle.cert);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    SSL_CTX_set_options(ctx, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION); /* resumed, it would ask for nothing */
    SSL *ssl = SSL_new(ctx);
    SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* a reading that was a handshake's ends with it */
    int fd = accept(listener, NULL, NULL);
    struct timeval limit = {.tv_sec = 1}; /* of each reading; what comes late is read by the next */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL_set_fd(ssl, fd);
    char text[4096] = "", answer[256];
    size_t have = 0, got;
    for (int i = 0; i < 60 && SSL_accept(ssl) != 1 && SSL_get_error(ssl, -1) == SSL_ERROR_WANT_READ;)
        i++;
    while (!strstr(text, "\r\n\r\n") && SSL_read_ex(ssl, text + have, sizeof text - 1 - have, &got) == 1)
        have += got;
    ask_later(ssl, asks);
    const char *who = SSL_get0_peer_certificate(ssl) ? "somebody" : "nobody";
    int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(who), who);
    (void)SSL_write_ex(ssl, answer, (size_t)n, &got);
    (void)SSL_shutdown(ssl);
    (void)SSL_read_ex(ssl, text, 1, &got);
    _exit(0);
}

/* ---- the box ---- */

struct outcome {
    bool good;
    struct cause fault;
    char body[64];
};

static const char *word_of(const struct outcome *o)
{
    return cause_word((enum cause_code)o->fault.code);
}

static struct outcome ask(enum asks asks, const struct pair *as, struct tls_peer peer)
{
    static char buffer[HTTP_RESPONSE_MAX];
    static const char request[] = "GET / HTTP/1.1\r\nHost: est.lab\r\n\r\n";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct addr loopback;
    struct outcome o = {0};
    struct http_response response = {0};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    pid_t child = fork();
    if (child == 0)
        serve_one(listener, asks, as);
    close(listener);
    assert_true(conf_parse_addr("127.0.0.1", &loopback));
    peer.host = "est.lab";
    peer.port = ntohs(at.sin_port);
    peer.addrs = &loopback;
    peer.addr_count = 1;
    peer.until_ms = (int64_t)clock_monotonic_ms() + 120000;
    o.good = tls_fetch(&peer, request, sizeof request - 1, buffer, &response, &o.fault);
    if (o.good)
        (void)snprintf(o.body, sizeof o.body, "%.*s", (int)response.body_len, response.body);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return o;
}

static X509_STORE *trust_in(const struct pair *p)
{
    X509_STORE *store = X509_STORE_new();
    assert_int_equal(X509_STORE_add_cert(store, p->cert), 1);
    return store;
}

static void asked_after_the_path(void **state)
{
    (void)state;
    X509_STORE *trust = trust_in(&root);
    static const enum asks later[] = {ASKS_LATER_13, ASKS_LATER_12};
    for (size_t i = 0; i < COUNT(later); i++) {
        struct outcome o =
            ask(later[i], &server, (struct tls_peer){.trust = trust, .client = client.cert, .client_key = client.key});
        if (!o.good)
            fail_msg("asked later (%zu): %s", i, word_of(&o));
        if (strcmp(o.body, "somebody") != 0)
            fail_msg("asked later (%zu): %s was known", i, o.body);
    }
    /* Who has no certificate to show offers neither: TLS 1.2 is not begun anew, and nothing hangs. */
    struct outcome o = ask(ASKS_LATER_13, &server, (struct tls_peer){.trust = trust});
    assert_true(!o.good || strcmp(o.body, "nobody") == 0);
    o = ask(ASKS_LATER_12, &server, (struct tls_peer){.trust = trust});
    assert_true(!o.good || strcmp(o.body, "nobody") == 0);
    X509_STORE_free(trust);
}

static void fingerprint(const struct pair *p, uint8_t out[32])
{
    unsigned len;
    assert_int_equal(X509_digest(p->cert, EVP_sha256(), out, &len), 1);
}

static void pinned(void **state)
{
    (void)state;
    uint8_t pins[2][32];
    struct tls_peer peer = {.pins = (const uint8_t(*)[32])pins, .pin_count = 1};
    static const struct pair *const good[] = {&middle, &server};
    for (size_t i = 0; i < COUNT(good); i++) { /* the CA that issued it, or the certificate itself */
        fingerprint(good[i], pins[0]);
        struct outcome o = ask(ASKS_NOBODY, &server, peer);
        if (!o.good)
            fail_msg("pinned (%zu): %s", i, word_of(&o));
    }
    fingerprint(&stranger, pins[0]);
    struct outcome o = ask(ASKS_NOBODY, &server, peer);
    assert_false(o.good);
    assert_string_equal(word_of(&o), "est-tls-not-pinned");
    peer.trust = trust_in(&root); /* the pin stands above what would be trusted otherwise */
    assert_false(ask(ASKS_NOBODY, &server, peer).good);
    fingerprint(&middle, pins[1]);
    peer.pin_count = 2;
    assert_true(ask(ASKS_NOBODY, &server, peer).good);

    /* Below the pin the usual checks apply. */
    struct pair late = issue("est", &middle, false, -1), forged = issue("est", &stranger, false, 30);
    o = ask(ASKS_NOBODY, &late, peer);
    assert_false(o.good);
    assert_string_equal(word_of(&o), "est-tls-dates");
    assert_false(
        ask(ASKS_NOBODY, &forged, (struct tls_peer){.pins = (const uint8_t(*)[32])(pins + 1), .pin_count = 1}).good);
    X509_STORE_free(peer.trust);
    forget(&late);
    forget(&forged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asked_after_the_path),
        cmocka_unit_test(pinned),
    };
    return cmocka_run_group_tests(tests, make_certificates, forget_certificates);
}
