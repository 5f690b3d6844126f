/* ClientHellos as OpenSSL makes them, in memory. */
#ifndef SEKISHO_SNI_OPENSSL_H
#define SEKISHO_SNI_OPENSSL_H

#include "sni_fixture.h"

#include <openssl/ssl.h>

struct real {
    const char *name, *groups; /* groups NULL: the library's own choice */
    int min, max;              /* TLS1_2_VERSION … */
    bool no_name;
};

static inline void put_real_hello(struct octets *o, const struct real *r)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    MUST(ctx && SSL_CTX_set_min_proto_version(ctx, r->min) && SSL_CTX_set_max_proto_version(ctx, r->max));
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    MUST(!r->groups || SSL_CTX_set1_groups_list(ctx, (char *)r->groups));
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    MUST(ssl && in && out);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    MUST(r->no_name || SSL_set_tlsext_host_name(ssl, (char *)(r->name ? r->name : REGISTRY_NAME)));
    SSL_do_handshake(ssl);
    int n = BIO_read(out, o->data + o->len, (int)(sizeof o->data - o->len));
    MUST(n > 0);
    o->len += (size_t)n;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

#endif
