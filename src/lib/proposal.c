#include "proposal.h"

#include <stdio.h>
#include <string.h>

enum kind { NONE, AEAD, CIPHER, INTEGRITY, PRF, EXCHANGE, SEQUENCE };
enum verdict { GOOD, WEAK, ABSENT };

/*
 * Every keyword that charon 6.0.1 accepts: the kind of algorithm, charon's name for it (`swanctl --list-algs`), and
 * whether it may be used for IKE and for ESP. For ESP the kernel must support it too (firmware/kernel.config). Weak:
 * no longer allowed by RFC 8221 or RFC 8247, or below 112 bits. Keep one keyword per line: a test parses the table.
 */
static const struct word {
    const char *text;
    enum kind kind;
    const char *charon;
    enum verdict ike, esp;
} words[] = {
    /* clang-format off */
    {"aes256gcm16", AEAD, "AES_GCM_16", GOOD, GOOD},
    {"aes256gcm128", AEAD, "AES_GCM_16", GOOD, GOOD},
    {"aes192gcm16", AEAD, "AES_GCM_16", GOOD, GOOD},
    {"aes192gcm128", AEAD, "AES_GCM_16", GOOD, GOOD},
    {"aes128gcm16", AEAD, "AES_GCM_16", GOOD, GOOD},
    {"aes128gcm128", AEAD, "AES_GCM_16", GOOD, GOOD},
    {"aes256gcm12", AEAD, "AES_GCM_12", WEAK, WEAK},
    {"aes192gcm12", AEAD, "AES_GCM_12", WEAK, WEAK},
    {"aes128gcm12", AEAD, "AES_GCM_12", WEAK, WEAK},
    {"aes256gcm8", AEAD, "AES_GCM_8", WEAK, WEAK},
    {"aes192gcm8", AEAD, "AES_GCM_8", WEAK, WEAK},
    {"aes128gcm8", AEAD, "AES_GCM_8", WEAK, WEAK},
    {"aes256ccm16", AEAD, "AES_CCM_16", GOOD, ABSENT},
    {"aes192ccm16", AEAD, "AES_CCM_16", GOOD, ABSENT},
    {"aes128ccm16", AEAD, "AES_CCM_16", GOOD, ABSENT},
    {"aes256ccm12", AEAD, "AES_CCM_12", WEAK, WEAK},
    {"aes256ccm8", AEAD, "AES_CCM_8", WEAK, WEAK},
    {"chacha20poly1305", AEAD, "CHACHA20_POLY1305", GOOD, ABSENT},
    {"aes256", CIPHER, "AES_CBC", GOOD, GOOD},
    {"aes192", CIPHER, "AES_CBC", GOOD, GOOD},
    {"aes128", CIPHER, "AES_CBC", GOOD, GOOD},
    {"aes", CIPHER, "AES_CBC", GOOD, GOOD},
    {"aes256ctr", CIPHER, "AES_CTR", GOOD, ABSENT},
    {"aes192ctr", CIPHER, "AES_CTR", GOOD, ABSENT},
    {"aes128ctr", CIPHER, "AES_CTR", GOOD, ABSENT},
    {"camellia256", CIPHER, "CAMELLIA_CBC", GOOD, ABSENT},
    {"camellia192", CIPHER, "CAMELLIA_CBC", GOOD, ABSENT},
    {"camellia128", CIPHER, "CAMELLIA_CBC", GOOD, ABSENT},
    {"camellia", CIPHER, "CAMELLIA_CBC", GOOD, ABSENT},
    {"camellia256ctr", CIPHER, "CAMELLIA_CTR", GOOD, ABSENT},
    {"camellia128ctr", CIPHER, "CAMELLIA_CTR", GOOD, ABSENT},
    {"cast128", CIPHER, "CAST_CBC", WEAK, WEAK},
    {"blowfish", CIPHER, "BLOWFISH_CBC", WEAK, WEAK},
    {"blowfish256", CIPHER, "BLOWFISH_CBC", WEAK, WEAK},
    {"blowfish128", CIPHER, "BLOWFISH_CBC", WEAK, WEAK},
    {"3des", CIPHER, "3DES_CBC", WEAK, WEAK},
    {"des", CIPHER, "DES_CBC", WEAK, WEAK},
    {"null", CIPHER, "NULL", WEAK, WEAK},
    {"sha512", INTEGRITY, "HMAC_SHA2_512_256", GOOD, GOOD},
    {"sha2_512", INTEGRITY, "HMAC_SHA2_512_256", GOOD, GOOD},
    {"sha384", INTEGRITY, "HMAC_SHA2_384_192", GOOD, GOOD},
    {"sha2_384", INTEGRITY, "HMAC_SHA2_384_192", GOOD, GOOD},
    {"sha256", INTEGRITY, "HMAC_SHA2_256_128", GOOD, GOOD},
    {"sha2_256", INTEGRITY, "HMAC_SHA2_256_128", GOOD, GOOD},
    {"sha256_96", INTEGRITY, "HMAC_SHA2_256_96", WEAK, WEAK},
    {"sha1", INTEGRITY, "HMAC_SHA1_96", WEAK, WEAK},
    {"sha", INTEGRITY, "HMAC_SHA1_96", WEAK, WEAK},
    {"sha1_160", INTEGRITY, "HMAC_SHA1_160", WEAK, WEAK},
    {"md5", INTEGRITY, "HMAC_MD5_96", WEAK, WEAK},
    {"md5_128", INTEGRITY, "HMAC_MD5_128", WEAK, WEAK},
    {"aesxcbc", INTEGRITY, "AES_XCBC_96", WEAK, WEAK},
    {"aescmac", INTEGRITY, "AES_CMAC_96", ABSENT, ABSENT},
    {"prfsha512", PRF, "PRF_HMAC_SHA2_512", GOOD, ABSENT},
    {"prfsha384", PRF, "PRF_HMAC_SHA2_384", GOOD, ABSENT},
    {"prfsha256", PRF, "PRF_HMAC_SHA2_256", GOOD, ABSENT},
    {"prfsha1", PRF, "PRF_HMAC_SHA1", WEAK, WEAK},
    {"prfmd5", PRF, "PRF_HMAC_MD5", WEAK, WEAK},
    {"prfaesxcbc", PRF, "PRF_AES128_XCBC", ABSENT, ABSENT},
    {"prfaescmac", PRF, "PRF_AES128_CMAC", ABSENT, ABSENT},
    {"ecp521", EXCHANGE, "ECP_521", GOOD, GOOD},
    {"ecp384", EXCHANGE, "ECP_384", GOOD, GOOD},
    {"ecp256", EXCHANGE, "ECP_256", GOOD, GOOD},
    {"ecp224", EXCHANGE, "ECP_224", WEAK, WEAK},
    {"ecp192", EXCHANGE, "ECP_192", WEAK, WEAK},
    {"ecp512bp", EXCHANGE, "ECP_512_BP", GOOD, GOOD},
    {"ecp384bp", EXCHANGE, "ECP_384_BP", GOOD, GOOD},
    {"ecp256bp", EXCHANGE, "ECP_256_BP", GOOD, GOOD},
    {"ecp224bp", EXCHANGE, "ECP_224_BP", WEAK, WEAK},
    {"curve25519", EXCHANGE, "CURVE_25519", GOOD, GOOD},
    {"x25519", EXCHANGE, "CURVE_25519", GOOD, GOOD},
    {"curve448", EXCHANGE, "CURVE_448", GOOD, GOOD},
    {"x448", EXCHANGE, "CURVE_448", GOOD, GOOD},
    {"modp8192", EXCHANGE, "MODP_8192", GOOD, GOOD},
    {"modp6144", EXCHANGE, "MODP_6144", GOOD, GOOD},
    {"modp4096", EXCHANGE, "MODP_4096", GOOD, GOOD},
    {"modp3072", EXCHANGE, "MODP_3072", GOOD, GOOD},
    {"modp2048", EXCHANGE, "MODP_2048", GOOD, GOOD},
    {"modp2048s256", EXCHANGE, "MODP_2048_256", WEAK, WEAK},
    {"modp2048s224", EXCHANGE, "MODP_2048_224", WEAK, WEAK},
    {"modp1536", EXCHANGE, "MODP_1536", WEAK, WEAK},
    {"modp1024", EXCHANGE, "MODP_1024", WEAK, WEAK},
    {"modp1024s160", EXCHANGE, "MODP_1024_160", WEAK, WEAK},
    {"modp768", EXCHANGE, "MODP_768", WEAK, WEAK},
    {"mlkem512", EXCHANGE, "ML_KEM_512", ABSENT, ABSENT},
    {"mlkem768", EXCHANGE, "ML_KEM_768", ABSENT, ABSENT},
    {"mlkem1024", EXCHANGE, "ML_KEM_1024", ABSENT, ABSENT},
    {"esn", SEQUENCE, "", ABSENT, GOOD},
    {"noesn", SEQUENCE, "", ABSENT, GOOD},
    {"default", NONE, "", WEAK, WEAK},
    /* clang-format on */
};

/* Take the next keyword from a proposal. False: there are no more. */
static bool next_word(const char **at, const char **word, size_t *len)
{
    if (!**at)
        return false;
    *word = *at;
    *len = strcspn(*at, "-");
    *at += *len;
    if (**at)
        ++*at;
    return true;
}

static const struct word *find(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].text) == len && memcmp(words[i].text, text, len) == 0)
            return &words[i];
    return NULL;
}

bool proposal_next(const char **at, char out[PROPOSAL_MAX])
{
    if (!**at)
        return false;
    size_t len = strcspn(*at, ",");
    const char *from = *at;
    *at += len + ((*at)[len] != '\0');
    while (len > 0 && *from == ' ')
        from++, len--;
    while (len > 0 && from[len - 1] == ' ')
        len--;
    (void)snprintf(out, PROPOSAL_MAX, "%.*s", (int)len, from);
    return true;
}

/* Which kinds of algorithm one proposal must contain, for charon and for any peer. */
static enum cause_code incomplete(enum proposal_use use, const unsigned count[])
{
    if (count[AEAD] == 0 && count[CIPHER] == 0)
        return CAUSE_VALUE_PROPOSAL_NO_ENCRYPTION;
    if (count[AEAD] > 0 && count[CIPHER] > 0)
        return CAUSE_VALUE_PROPOSAL_TWO_ENCRYPTIONS;
    if (count[CIPHER] > 0 && count[INTEGRITY] == 0)
        return CAUSE_VALUE_PROPOSAL_NO_INTEGRITY;
    if (use == PROPOSAL_ESP && count[AEAD] > 0 && count[INTEGRITY] > 0)
        return CAUSE_VALUE_PROPOSAL_DOUBLE_INTEGRITY;
    if (use == PROPOSAL_IKE && count[PRF] == 0 && count[INTEGRITY] == 0)
        return CAUSE_VALUE_PROPOSAL_NO_PRF;
    if (use == PROPOSAL_IKE && count[EXCHANGE] == 0)
        return CAUSE_VALUE_PROPOSAL_NO_EXCHANGE;
    return CAUSE_NONE;
}

static enum cause_code one_wrong(enum proposal_use use, const char *proposal)
{
    unsigned count[SEQUENCE + 1] = {0};
    const char *at = proposal, *text;
    size_t len = strlen(proposal);
    if (len > 0 && proposal[len - 1] == '-')
        return CAUSE_VALUE_PROPOSAL_UNKNOWN_WORD;
    while (next_word(&at, &text, &len)) {
        const struct word *w = find(text, len);
        if (!w)
            return CAUSE_VALUE_PROPOSAL_UNKNOWN_WORD;
        enum verdict verdict = use == PROPOSAL_IKE ? w->ike : w->esp;
        if (verdict == WEAK)
            return CAUSE_VALUE_PROPOSAL_WEAK;
        if (verdict == ABSENT)
            return use == PROPOSAL_IKE ? CAUSE_VALUE_PROPOSAL_NOT_FOR_IKE : CAUSE_VALUE_PROPOSAL_NOT_FOR_ESP;
        count[w->kind]++;
    }
    return incomplete(use, count);
}

enum cause_code proposal_wrong(enum proposal_use use, const char *list)
{
    char one[PROPOSAL_MAX];
    unsigned count = 0;
    size_t len = strlen(list);
    if (len >= PROPOSAL_MAX)
        return CAUSE_VALUE_TOO_LONG;
    if (strspn(list, "abcdefghijklmnopqrstuvwxyz0123456789-_, ") != len)
        return CAUSE_VALUE_NOT_PROPOSAL_LIST;
    if (len == 0 || list[len - 1] == ',')
        return CAUSE_VALUE_PROPOSAL_EMPTY;
    while (proposal_next(&list, one)) {
        if (!*one)
            return CAUSE_VALUE_PROPOSAL_EMPTY;
        if (++count > PROPOSALS_MAX)
            return CAUSE_VALUE_PROPOSAL_TOO_MANY;
        enum cause_code wrong = one_wrong(use, one);
        if (wrong)
            return wrong;
    }
    return CAUSE_NONE;
}

bool proposal_without_exchange(const char *proposal, char out[PROPOSAL_MAX])
{
    const char *at = proposal, *text;
    size_t len, used = 0;
    bool any = false;
    out[0] = '\0';
    while (next_word(&at, &text, &len)) {
        const struct word *w = find(text, len);
        if (w && w->kind == EXCHANGE) {
            any = true;
            continue;
        }
        int n = snprintf(out + used, PROPOSAL_MAX - used, "%s%.*s", used ? "-" : "", (int)len, text);
        if (n < 0 || (size_t)n >= PROPOSAL_MAX - used)
            return false;
        used += (size_t)n;
    }
    return any;
}
