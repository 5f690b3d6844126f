#include "certs_only.h"

#include "base64.h"

#include <openssl/pkcs7.h>

STACK_OF(X509) * certs_only(char *body, size_t len)
{
    /* DER begins with SEQUENCE and then, for anything of this size, a length octet that no base64 text contains. */
    long size = (long)len;
    if (len < 2 || body[0] != 0x30 || !((unsigned char)body[1] & 0x80))
        size = base64_decode(body, len, (uint8_t *)body, len);
    const unsigned char *at = (const unsigned char *)body;
    PKCS7 *message = size > 0 ? d2i_PKCS7(NULL, &at, size) : NULL;
    STACK_OF(X509) *found = NULL;
    if (message && PKCS7_type_is_signed(message) && message->d.sign && message->d.sign->cert) {
        int count = sk_X509_num(message->d.sign->cert);
        if (count > 0 && count <= CERTS_ONLY_MAX)
            found = X509_chain_up_ref(message->d.sign->cert);
    }
    PKCS7_free(message);
    return found;
}
