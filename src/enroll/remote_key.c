#define OPENSSL_SUPPRESS_DEPRECATED
#include "remote_key.h"

#include <openssl/ec.h>

static remote_sign_fn *sign_fn;
static void *sign_user;

static int sign(int type, const unsigned char *digest, int len, unsigned char *out, unsigned *out_len,
                const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
    (void)type, (void)kinv, (void)r;
    size_t size = len > 0 ? sign_fn(sign_user, digest, (size_t)len, out, (size_t)ECDSA_size(key)) : 0;
    *out_len = (unsigned)size;
    return size > 0;
}

EVP_PKEY *remote_key(const X509 *cert, remote_sign_fn *fn, void *user)
{
    sign_fn = fn;
    sign_user = user;
    EVP_PKEY *public = X509_get0_pubkey(cert);
    EC_KEY *ec = public ? EVP_PKEY_get1_EC_KEY(public) : NULL;
    EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    EVP_PKEY *key = EVP_PKEY_new();
    if (!ec || !method || !key) {
        EC_KEY_free(ec);
        EVP_PKEY_free(key);
        EC_KEY_METHOD_free(method);
        return NULL;
    }
    EC_KEY_METHOD_set_sign(method, sign, NULL, NULL); /* never freed */
    if (EC_KEY_set_method(ec, method) != 1 || EVP_PKEY_assign_EC_KEY(key, ec) != 1) {
        EC_KEY_free(ec);
        EVP_PKEY_free(key);
        EC_KEY_METHOD_free(method);
        return NULL;
    }
    return key;
}
