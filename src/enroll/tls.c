#include "tls.h"
#include "clock.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 8000 /* per address, then the next one is tried */

/* ---- TCP ---- */

static bool wait_ready(int fd, short events, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - (int64_t)clock_monotonic_ms();
        struct pollfd p = {fd, events, 0};
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n > 0)
            return true;
        if (n == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR)
            return false;
    }
}

static int connect_one(const struct addr *a, uint16_t port, int64_t until_ms)
{
    struct sockaddr_storage to;
    socklen_t to_len = addr_to_sockaddr(a, port, &to);
    int fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int error = 0;
    socklen_t len = sizeof error;
    if (connect(fd, (struct sockaddr *)&to, to_len) == 0)
        return fd;
    if (errno != EINPROGRESS || !wait_ready(fd, POLLOUT, until_ms) ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static int connect_any(const struct tls_peer *peer)
{
    int fd = -1;
    for (unsigned i = 0; i < peer->addr_count && fd < 0; i++) {
        int64_t until = (int64_t)clock_monotonic_ms() + CONNECT_MS;
        fd = connect_one(&peer->addrs[i], peer->port, until < peer->until_ms ? until : peer->until_ms);
    }
    return fd;
}

/* ---- TLS ---- */

static bool is_pinned(const struct tls_peer *peer, const X509 *cert)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(cert, EVP_sha256(), digest, &len) != 1 || len != sizeof peer->pins[0])
        return false;
    for (unsigned i = 0; i < peer->pin_count; i++)
        if (memcmp(peer->pins[i], digest, len) == 0)
            return true;
    return false;
}

/*
 * For a CA of which only the fingerprint is known: its certificate must be in the chain that the server sends, and
 * becomes the trust anchor. Then the usual checks apply: signatures, dates, name.
 */
static int verify_pinned(X509_STORE_CTX *ctx, void *user)
{
    const struct tls_peer *peer = user;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx), *anchors = sk_X509_new_null();
    for (int i = 0; anchors && i < sk_X509_num(sent); i++)
        if (is_pinned(peer, sk_X509_value(sent, i)))
            sk_X509_push(anchors, sk_X509_value(sent, i));
    X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
    int good = anchors ? X509_verify_cert(ctx) : 0;
    X509_STORE_CTX_set0_trusted_stack(ctx, NULL);
    sk_X509_free(anchors);
    return good > 0;
}

static SSL_CTX *make_context(const struct tls_peer *peer)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    /* HTTP/1.0 servers often close without close_notify; a truncated body is not a valid PKCS#7 anyway. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    /*
     * Some servers request the client's certificate only after reading the path (Apache's SSLVerifyClient in a
     * Location): by post-handshake authentication (RFC 8446 section 4.6.2), in TLS 1.2 by renegotiation (RFC 5746).
     */
    if (peer->client)
        SSL_CTX_set_post_handshake_auth(ctx, 1);
    else
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (peer->pin_count > 0) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, verify_pinned, (void *)peer);
    } else if (peer->trust) {
        SSL_CTX_set1_verify_cert_store(ctx, peer->trust);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    } else {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    }
    if (peer->client &&
        (SSL_CTX_use_certificate(ctx, peer->client) != 1 || SSL_CTX_use_PrivateKey(ctx, peer->client_key) != 1)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static bool name_peer(SSL *ssl, const struct tls_peer *peer)
{
    struct addr literal;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (conf_parse_addr(peer->host, &literal))
        return X509_VERIFY_PARAM_set1_ip_asc(param, peer->host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, peer->host) == 1 && SSL_set_tlsext_host_name(ssl, peer->host) == 1;
}

/* After an unsuccessful call: wait until it can be retried. False: it has failed, or the time is over. */
static bool go_on(SSL *ssl, int result, int64_t until_ms)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return wait_ready(SSL_get_fd(ssl), POLLIN, until_ms);
    case SSL_ERROR_WANT_WRITE: return wait_ready(SSL_get_fd(ssl), POLLOUT, until_ms);
    default: return false;
    }
}

static void last_reason(struct cause *out)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    if (reason)
        cause_set(out, CAUSE_WORDS, reason, NULL);
    else if (errno)
        cause_system(out, errno);
    else
        cause_set(out, CAUSE_EST_CLOSED, NULL);
}

/* The connection has failed: the code says at which step, OpenSSL's last error why. */
static bool broke(struct cause *fault, enum cause_code where)
{
    struct cause why;
    last_reason(&why);
    cause_because(fault, where, &why, NULL);
    return false;
}

static bool explain_handshake(SSL *ssl, const struct tls_peer *peer, struct cause *fault)
{
    long verdict = SSL_get_verify_result(ssl);
    const char *words = X509_verify_cert_error_string(verdict);
    if ((!peer->trust && peer->pin_count == 0) || verdict == X509_V_OK) {
        unsigned long code = ERR_peek_error();
        bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
        return broke(fault, alert ? CAUSE_EST_TLS_REFUSED : CAUSE_EST_TLS_FAILED);
    }
    if (verdict == X509_V_ERR_CERT_NOT_YET_VALID || verdict == X509_V_ERR_CERT_HAS_EXPIRED)
        cause_set(fault, CAUSE_EST_TLS_DATES, CAUSE_NUMBER(time(NULL)), NULL);
    else if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        cause_set(fault, CAUSE_EST_TLS_NAME, NULL);
    else
        cause_set(fault, peer->pin_count > 0 ? CAUSE_EST_TLS_NOT_PINNED : CAUSE_EST_TLS_OTHER_CA, words, NULL);
    return false;
}

static bool shake_hands(SSL *ssl, const struct tls_peer *peer, struct cause *fault)
{
    int result;
    while ((result = SSL_connect(ssl)) != 1)
        if (!go_on(ssl, result, peer->until_ms))
            return explain_handshake(ssl, peer, fault);
    return true;
}

static bool send_all(SSL *ssl, const char *data, size_t len, int64_t until_ms)
{
    size_t sent;
    int result;
    while ((result = SSL_write_ex(ssl, data, len, &sent)) != 1)
        if (!go_on(ssl, result, until_ms))
            return false;
    return true; /* partial writes are disabled */
}

/* The server has closed before the end: a part of an answer, or none, is broken off; anything else is no HTTP. */
static bool cut_short(const char *buffer, size_t have, struct cause *fault)
{
    static const char begins[] = "HTTP/";
    struct cause why;
    if (memcmp(buffer, begins, have < sizeof begins - 1 ? have : sizeof begins - 1) != 0)
        return false;
    cause_set(&why, CAUSE_EST_CLOSED, NULL);
    cause_because(fault, CAUSE_EST_BROKE_OFF, &why, NULL);
    return true;
}

static bool receive(SSL *ssl, const struct tls_peer *peer, char *buffer, struct http_response *out, struct cause *fault)
{
    size_t have = 0;
    enum http_result parsed = HTTP_MORE;
    while (parsed == HTTP_MORE) {
        size_t got = 0;
        int result = SSL_read_ex(ssl, buffer + have, HTTP_RESPONSE_MAX - have, &got);
        have += got;
        if (result == 1)
            parsed = http_parse(buffer, have, false, out);
        else if (!go_on(ssl, result, peer->until_ms)) {
            if (SSL_get_error(ssl, result) != SSL_ERROR_ZERO_RETURN)
                return broke(fault, CAUSE_EST_BROKE_OFF);
            parsed = http_parse(buffer, have, true, out);
            if (parsed != HTTP_DONE && cut_short(buffer, have, fault))
                return false;
        }
        if (have == HTTP_RESPONSE_MAX && parsed == HTTP_MORE)
            parsed = HTTP_BAD;
    }
    if (parsed == HTTP_DONE)
        return true;
    cause_set(fault, CAUSE_EST_NOT_HTTP, NULL);
    return false;
}

static bool talk(SSL *ssl, int fd, const struct tls_peer *peer, const char *request, size_t len, char *buffer,
                 struct http_response *out, struct cause *fault)
{
    if (SSL_set_fd(ssl, fd) != 1 || !name_peer(ssl, peer))
        return false;
    if (!shake_hands(ssl, peer, fault))
        return false;
    if (!send_all(ssl, request, len, peer->until_ms))
        return broke(fault, CAUSE_EST_BROKE_OFF_REQUEST);
    bool good = receive(ssl, peer, buffer, out, fault);
    SSL_shutdown(ssl);
    return good;
}

bool tls_fetch(const struct tls_peer *peer, const char *request, size_t len, char *buffer, struct http_response *out,
               struct cause *fault)
{
    ERR_clear_error();
    errno = 0;
    int fd = connect_any(peer);
    if (fd < 0) {
        cause_set(fault, CAUSE_EST_UNREACHABLE, peer->host, CAUSE_NUMBER(peer->port), CAUSE_NUMBER(errno), NULL);
        return false;
    }
    SSL_CTX *ctx = make_context(peer);
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    errno = 0;
    cause_set(fault, CAUSE_EST_TLS_SETUP, NULL);
    bool good = ssl && talk(ssl, fd, peer, request, len, buffer, out, fault);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return good;
}
