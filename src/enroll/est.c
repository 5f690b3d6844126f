#include "est.h"

#include "base64.h"
#include "certs_only.h"
#include "clock.h"
#include "ipc.h"
#include "log.h"
#include "remote_key.h"
#include "resolve.h"
#include "tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EST_MS 60000
#define RESOLVE_MS 10000
#define REQUEST_MAX 8192
#define REDIRECTS_MAX 3

/* Nothing is freed: the process exits after the exchange. */
struct exchange {
    int sock;
    const struct conf_site *site;
    const struct msg_est_start *start;
    X509 *anchor;            /* the CA of the site file, once it is known */
    X509 *current;           /* re-enrolment: the current certificate */
    STACK_OF(X509) * between; /* possible intermediates; trusted only in a chain to the anchor */
    size_t csr_len;
    uint8_t csr[MSG_BLOB_MAX];
    struct tls_peer peer;
    struct addr addrs[RESOLVE_MAX];
    uint32_t sign_seq;
    struct http_response response;
    char request[REQUEST_MAX];
    char buffer[HTTP_RESPONSE_MAX];
};

static struct exchange x;
static struct msg message;

/* ---- the key part ---- */

/* The server's clock, from the Date header; only if its certificate was verified. */
static int64_t server_time(void)
{
    int64_t when = 0;
    return x.peer.trust && http_date(x.response.date, time(NULL), &when) && when > 0 ? when : 0;
}

_Noreturn static void finish(const struct msg_est_done *result)
{
    struct msg_est_done end = *result;
    end.server_time = server_time();
    if (ipc_send(x.sock, MSG_EST_DONE, &end, -1) != IPC_OK)
        log_fatal("the key part does not take an answer");
    _exit(0);
}

_Noreturn static void fail_by(const struct cause *why)
{
    struct msg_est_done end = {.http_status = (uint16_t)x.response.status, .cause = *why};
    if (x.response.retry_after[0] &&
        !retry_after(x.response.retry_after, x.response.date, time(NULL), &end.retry_after_s))
        log_warn("cannot read Retry-After: %s", x.response.retry_after);
    finish(&end);
}

_Noreturn static void fail_args(enum cause_code code, const char *const args[])
{
    struct cause why;
    cause_fill(&why, code, NULL, args);
    fail_by(&why);
}

/* Report the cause with its arguments, terminated by NULL, and exit. */
#define fail(code, ...) fail_args((code), (const char *const[]){__VA_ARGS__})

/* Receive the next message of this exchange; the process's time limit applies. */
static void receive(void)
{
    for (;;) {
        int fd = -1;
        switch (ipc_recv(x.sock, ROLE_ENROLL_NET, &message, &fd)) {
        case IPC_OK: return;
        case IPC_AGAIN: break;
        case IPC_EOF: _exit(0);
        default: log_fatal("a message of the key part breaks the rules");
        }
        struct pollfd p = {x.sock, POLLIN, 0};
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
    }
}

static X509 *blob_cert(const struct msg_blob *blob)
{
    const unsigned char *at = blob->data;
    return blob->len <= MSG_BLOB_MAX ? d2i_X509(NULL, &at, blob->len) : NULL;
}

/* Receive the MSG_EST_CHAIN messages, then the CSR. */
static void gather(void)
{
    for (;;) {
        receive();
        const struct msg_blob *blob = &message.u.blob;
        if (message.head.type == MSG_EST_CSR) {
            x.csr_len = blob->len;
            memcpy(x.csr, blob->data, blob->len);
            return;
        }
        X509 *cert = message.head.type == MSG_EST_CHAIN ? blob_cert(blob) : NULL;
        if (!cert)
            log_fatal("the key part sent something that does not belong here");
        if (blob->kind == 0)
            x.current = cert;
        else if (blob->kind == 1)
            x.anchor = cert;
        else
            sk_X509_push(x.between, cert);
    }
}

static size_t sign_remotely(void *user, const uint8_t *digest, size_t len, uint8_t *out, size_t max)
{
    (void)user;
    struct msg_sign wish = {.seq = ++x.sign_seq, .len = (uint8_t)len};
    if (len > sizeof wish.digest)
        return 0;
    memcpy(wish.digest, digest, len);
    if (ipc_send(x.sock, MSG_SIGN, &wish, -1) != IPC_OK)
        return 0;
    receive();
    const struct msg_blob *blob = &message.u.blob;
    if (message.head.type != MSG_SIGNATURE || blob->len == 0 || blob->len > max)
        return 0;
    memcpy(out, blob->data, blob->len);
    return blob->len;
}

static void send_cert(X509 *cert, uint8_t kind)
{
    static struct msg_blob blob;
    int len = i2d_X509(cert, NULL);
    if (len <= 0 || len > MSG_BLOB_MAX)
        fail(CAUSE_EST_CERT_TOO_LARGE, NULL);
    unsigned char *at = blob.data;
    blob.len = (uint16_t)i2d_X509(cert, &at);
    blob.kind = kind;
    if (ipc_send(x.sock, MSG_EST_CERT, &blob, -1) != IPC_OK)
        log_fatal("the key part does not take a certificate");
}

/* ---- trust ---- */

static bool is_pinned(const X509 *cert)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    return X509_digest(cert, EVP_sha256(), digest, &len) == 1 && len == 32 &&
           memcmp(digest, x.site->est_ca_sha256, 32) == 0;
}

/* The chain from cert to the anchor, inclusive; NULL: none. Dates are ignored. */
static STACK_OF(X509) * chain_of(X509 *cert)
{
    X509_STORE *trust = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (!trust || !ctx || X509_STORE_add_cert(trust, x.anchor) != 1 ||
        X509_STORE_CTX_init(ctx, trust, cert, x.between) != 1)
        log_fatal("out of memory");
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
    STACK_OF(X509) *chain = X509_verify_cert(ctx) == 1 ? X509_STORE_CTX_get1_chain(ctx) : NULL;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trust);
    return chain;
}

/*
 * Trust store for the server's TLS certificate: the anchor and the CA certificates below it, because not every server
 * sends its intermediates.
 */
static X509_STORE *make_trust(void)
{
    X509_STORE *trust = X509_STORE_new();
    if (!trust || X509_STORE_add_cert(trust, x.anchor) != 1)
        log_fatal("out of memory");
    for (int i = 0; i < sk_X509_num(x.between); i++) {
        X509 *cert = sk_X509_value(x.between, i);
        if (X509_check_ca(cert) > 0 && chain_of(cert))
            X509_STORE_add_cert(trust, cert);
    }
    return trust;
}

static void keep_between(STACK_OF(X509) * certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        sk_X509_push(x.between, sk_X509_value(certs, i));
}

/* ---- HTTP ---- */

static size_t add(size_t at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static size_t add(size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(x.request + at, sizeof x.request - at, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof x.request - at)
        fail(CAUSE_EST_REQUEST_TOO_LARGE, NULL);
    return at + (size_t)len;
}

static size_t add_basic(size_t at)
{
    char plain[2 * sizeof x.site->est_user], text[BASE64_TEXT_MAX(sizeof plain)];
    int len = snprintf(plain, sizeof plain, "%s:%s", x.site->est_user, x.site->est_password);
    base64_plain((const uint8_t *)plain, (size_t)len, text, sizeof text);
    at = add(at, "Authorization: Basic %s\r\n", text);
    explicit_bzero(plain, sizeof plain);
    explicit_bzero(text, sizeof text);
    return at;
}

/* One request and its response. body NULL: GET. */
static void fetch_path(const char *path, const char *body, bool password)
{
    struct addr literal;
    bool v6 = conf_parse_addr(x.site->est_host, &literal) && literal.family == AF_INET6;
    size_t at = add(0, "%s %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nConnection: close\r\n", body ? "POST" : "GET", path,
                    v6 ? "[" : "", x.site->est_host, v6 ? "]" : "", x.site->est_port);
    if (password)
        at = add_basic(at);
    if (body)
        at = add(at, "Content-Type: application/pkcs10\r\nContent-Transfer-Encoding: base64\r\nContent-Length: %zu\r\n",
                 strlen(body));
    at = add(at, "\r\n%s", body ? body : "");
    struct cause fault;
    x.response = (struct http_response){0};
    bool good = tls_fetch(&x.peer, x.request, at, x.buffer, &x.response, &fault);
    explicit_bzero(x.request, at);
    if (!good) {
        x.response = (struct http_response){0};
        fail_by(&fault);
    }
}

/* A POST is repeated as a POST by 307 and 308 only (RFC 9110 section 15.4). */
static bool is_redirect(unsigned status, bool post)
{
    return status == 307 || status == 308 || (!post && (status == 301 || status == 302));
}

static void fetch(const char *operation, const char *body, bool password)
{
    char path[2 * HTTP_FIELD_MAX];
    (void)snprintf(path, sizeof path, "/.well-known/est%s%s/%s", x.site->est_label[0] ? "/" : "", x.site->est_label,
                   operation);
    for (unsigned i = 0;; i++) {
        fetch_path(path, body, password);
        if (!is_redirect(x.response.status, body != NULL))
            return;
        if (!x.response.location[0]) /* none, or too long */
            fail(CAUSE_EST_NO_LOCATION, NULL);
        if (i == REDIRECTS_MAX)
            fail(CAUSE_EST_CIRCLE, NULL);
        if (!http_target(x.response.location, x.site->est_host, x.site->est_port, path, sizeof path))
            fail(CAUSE_EST_ELSEWHERE, x.response.location, NULL);
    }
}

/* Does WWW-Authenticate offer this scheme? A scheme starts the field or follows a comma (RFC 9110 section 11.6.1). */
static bool offers(const char *authenticate, const char *scheme)
{
    size_t len = strlen(scheme);
    for (const char *at = strcasestr(authenticate, scheme); at; at = strcasestr(at + 1, scheme))
        if ((at == authenticate || at[-1] == ' ' || at[-1] == ',') &&
            (at[len] == ' ' || at[len] == 0 || at[len] == ','))
            return true;
    return false;
}

/* The beginning of an error response's body, if it is text. */
static const char *excerpt(void)
{
    static char text[64];
    size_t len = 0;
    for (size_t i = 0; i < x.response.body_len && len < sizeof text - 1; i++) {
        char c = x.response.body[i];
        if (c == '\r' || c == '\n')
            c = ' ';
        if (c < ' ' || c > '~')
            return "";
        if (c != ' ' || (len > 0 && text[len - 1] != ' '))
            text[len++] = c;
    }
    text[len > 0 && text[len - 1] == ' ' ? len - 1 : len] = 0;
    return text;
}

_Noreturn static void fail_status(void)
{
    unsigned status = x.response.status;
    if (status == 202)
        fail(CAUSE_EST_PENDING, NULL);
    if (status == 401 && x.start->renew)
        fail(CAUSE_EST_REFUSES_CERT, NULL);
    if (status == 401)
        fail(CAUSE_EST_REFUSES_PASSWORD, NULL);
    if (status >= 500)
        fail(CAUSE_EST_FAULT, CAUSE_NUMBER(status), excerpt(), NULL);
    fail(CAUSE_EST_REFUSES, CAUSE_NUMBER(status), excerpt(), NULL);
}

/* ---- the steps ---- */

static STACK_OF(X509) * answer_certs(void)
{
    STACK_OF(X509) *certs = certs_only(x.response.body, x.response.body_len);
    if (!certs)
        fail(CAUSE_EST_NO_CERTS, NULL);
    return certs;
}

/*
 * RFC 7030 section 4.1.1: the first connection cannot authenticate the server. Its response is used only if it
 * contains the CA certificate with the fingerprint in the site file; nothing secret is sent before that.
 */
static void find_anchor(void)
{
    fetch("cacerts", NULL, false);
    if (x.response.status != 200)
        fail_status();
    STACK_OF(X509) *certs = answer_certs();
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (is_pinned(sk_X509_value(certs, i)))
            x.anchor = sk_X509_value(certs, i);
    const uint8_t *pin = x.site->est_ca_sha256;
    char first[9];
    (void)snprintf(first, sizeof first, "%02x%02x%02x%02x", pin[0], pin[1], pin[2], pin[3]);
    if (!x.anchor)
        fail(CAUSE_EST_OTHER_CA, first, NULL);
    keep_between(certs);
}

static void be_client(void)
{
    x.peer.client = x.current;
    x.peer.client_key = remote_key(x.current, sign_remotely, NULL);
    if (!x.peer.client_key)
        fail(CAUSE_EST_CERT_NO_USE, NULL);
}

static void ask(void)
{
    static char body[BASE64_TEXT_MAX(MSG_BLOB_MAX)];
    const char *operation = x.start->renew ? "simplereenroll" : "simpleenroll";
    base64_wrapped(x.csr, x.csr_len, body, sizeof body);
    fetch(operation, body, false);
    if (x.response.status == 401) {
        if (!x.response.authenticate[0])
            fail(CAUSE_EST_NO_LOGIN, NULL);
        if (!offers(x.response.authenticate, "Basic"))
            fail(CAUSE_EST_OTHER_LOGIN, x.response.authenticate, NULL);
        fetch(operation, body, true);
    }
    if (x.response.status != 200)
        fail_status();
}

static X509 *ours_of(STACK_OF(X509) * certs)
{
    const unsigned char *at = x.csr;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)x.csr_len);
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
    for (int i = 0; key && i < sk_X509_num(certs); i++)
        if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(certs, i)), key) == 1)
            return sk_X509_value(certs, i);
    fail(CAUSE_EST_OTHER_KEY, NULL);
}

static void deliver(void)
{
    STACK_OF(X509) *certs = answer_certs();
    X509 *cert = ours_of(certs);
    keep_between(certs);
    STACK_OF(X509) *chain = chain_of(cert);
    if (!chain && x.start->renew) { /* the CA may have a new intermediate */
        struct http_response issued = x.response;
        fetch("cacerts", NULL, false);
        if (x.response.status == 200)
            keep_between(answer_certs());
        x.response = issued;
        chain = chain_of(cert);
    }
    if (!chain)
        fail(CAUSE_EST_CERT_OTHER_CA, NULL);
    send_cert(cert, 0);
    send_cert(x.anchor, 1);
    for (int i = 1; i + 1 < sk_X509_num(chain) && i <= 3; i++)
        send_cert(sk_X509_value(chain, i), 2);
    finish(&(struct msg_est_done){.ok = 1, .http_status = (uint16_t)x.response.status});
}

/* why: the resolver's error text; NULL: no resolver. */
_Noreturn static void fail_unresolved(const char *why)
{
    struct cause reason, fault;
    if (why)
        cause_set(&reason, CAUSE_WORDS, why, NULL);
    else
        cause_set(&reason, CAUSE_EST_NO_DNS, NULL);
    cause_because(&fault, CAUSE_EST_UNRESOLVED, &reason, x.site->est_host, NULL);
    fail_by(&fault);
}

_Noreturn void est_run(int sock, const struct conf_site *site, const struct msg_est_start *start)
{
    x.sock = sock;
    x.site = site;
    x.start = start;
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    x.between = sk_X509_new_null();
    gather();
    const char *why = NULL;
    x.peer = (struct tls_peer){.host = site->est_host,
                               .port = site->est_port,
                               .addrs = x.addrs,
                               .pins = site->est_server_sha256,
                               .pin_count = site->est_server_count};
    x.peer.addr_count = resolve(site->est_host, start->resolvers, start->resolver_count, RESOLVE_MS, x.addrs, &why);
    if (x.peer.addr_count == 0)
        fail_unresolved(why);
    x.peer.until_ms = (int64_t)clock_monotonic_ms() + EST_MS;
    if (!x.anchor)
        find_anchor();
    x.peer.trust = make_trust();
    if (start->renew)
        be_client();
    ask();
    deliver();
    _exit(0);
}
