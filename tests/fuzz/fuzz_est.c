/*
 * Fuzz target: responses of an enrolment server. The first octet says whether the connection was closed after it, and
 * how much had arrived at the first parse; the rest is the HTTP response, whose body is then parsed as a certs-only
 * PKCS#7, as in the network part.
 */
#include "certs_only.h"
#include "http.h"
#include "must.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text(const char *field)
{
    return strlen(field) < HTTP_FIELD_MAX;
}

static void check(const struct http_response *r, const char *buffer, size_t size)
{
    uint32_t seconds = 0;
    int64_t when;
    MUST(r->status >= 200 && r->status <= 599);
    MUST(is_text(r->retry_after) && is_text(r->date) && is_text(r->authenticate));
    MUST(r->body_len <= size && (r->body_len == 0 || (r->body >= buffer && r->body + r->body_len <= buffer + size)));
    if (retry_after(r->retry_after, r->date, 1763683200, &seconds))
        MUST(seconds <= RETRY_AFTER_MAX);
    http_date(r->date, 1763683200, &when);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response;
    if (size < 1 || size > HTTP_RESPONSE_MAX)
        return 0;
    size--;
    char *buffer = malloc(size > 0 ? size : 1); /* of exactly this size, for ASan */
    MUST(buffer);
    memcpy(buffer, data + 1, size);
    if (http_parse(buffer, size * (data[0] >> 1) / 128, false, &response) == HTTP_MORE)
        MUST(memcmp(buffer, data + 1, size) == 0); /* it will be parsed again */
    else
        memcpy(buffer, data + 1, size);
    enum http_result result = http_parse(buffer, size, data[0] & 1, &response);
    MUST(!(data[0] & 1) || result != HTTP_MORE);
    if (result == HTTP_DONE) {
        check(&response, buffer, size);
        STACK_OF(X509) *certs = certs_only(response.body, response.body_len);
        MUST(!certs || (sk_X509_num(certs) > 0 && sk_X509_num(certs) <= CERTS_ONLY_MAX));
        sk_X509_pop_free(certs, X509_free);
    }
    free(buffer);
    return 0;
}
