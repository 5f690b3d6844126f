#include "agent.h"

#include "audit.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EST_S 120    /* the network part's own time-out is shorter */
#define NTP_S 600         /* after so long without a trusted clock, renewal goes by the untrusted one … */
#define BLIND_S 86400     /* … but no more often than this, because it may be wrong by years */
#define SIGNATURES_MAX 4  /* per exchange: a handshake, and a few more after a 401 or a lost connection */

const char *phase_name(enum phase phase)
{
    static const char *const names[] = {"none", "enrolling", "waiting", "valid", "renewing", "alarm"};
    return names[phase];
}

/* The only function that changes the phase. */
static void enter(struct agent *a, enum phase to, const char *reason)
{
    if (to == a->phase)
        return;
    log_info("%s -> %s: %s", phase_name(a->phase), phase_name(to), reason);
    if (to == PHASE_ALARM)
        audit_event("cert.alarm", "reason=\"%s\"", reason);
    a->phase = to;
}

static bool has_cert(const struct agent *a)
{
    return a->renew_at != 0;
}

static bool expired(const struct agent *a, const struct agent_time *now)
{
    return has_cert(a) && now->trusted && now->unix_s >= a->facts.not_after;
}

static uint32_t random_number(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) < 0)
        log_warn("no random numbers: %s", strerror(errno));
    return number;
}

/* ---- the current generation ---- */

/* Read the current generation; false: its key and certificate do not match. */
static bool read_current(struct agent *a)
{
    static char cert[KEYS_CERT_PEM_MAX], ca[KEYS_CERT_PEM_MAX];
    static uint8_t der[KEYS_CERT_MAX];
    char key[KEYS_PEM_MAX];
    long cert_len = store_read(&a->store, "cert.pem", cert, sizeof cert);
    long ca_len = store_read(&a->store, "ca.pem", ca, sizeof ca);
    long key_len = store_read(&a->store, "key.pem", key, sizeof key);
    bool good = cert_len > 0 && ca_len > 0 && key_len > 0 && keys_to_der(ca, (size_t)ca_len, 0, der, sizeof der) > 0 &&
                keys_pair(key, (size_t)key_len, cert, (size_t)cert_len) &&
                keys_facts(cert, (size_t)cert_len, &a->facts);
    explicit_bzero(key, sizeof key);
    a->renew_at = good ? schedule_renew_at(a->facts.not_before, a->facts.not_after, a->facts.spread) : 0;
    return good;
}

static void open_store(struct agent *a, int *store_ctx)
{
    if (store_open(&a->store, &store_fs_ops, store_ctx) < 0)
        log_fatal("the key store cannot be used: %s", strerror(errno));
    while (a->store.current != 0 && !read_current(a)) {
        log_error("generation %u is damaged", a->store.current);
        audit_event("cert.damaged", "generation=%u", a->store.current);
        if (store_fall_back(&a->store) < 0)
            a->store.current = 0;
    }
}

void agent_init(struct agent *a, const struct conf_site *site, const struct cause *fault, int net, int *store_ctx,
                const char *vici_path)
{
    memset(a, 0, sizeof *a);
    a->site = site;
    a->net = net;
    keys_init();
    open_store(a, store_ctx);
    charon_load_init(&a->load, vici_path, &a->store);
    if (!site)
        a->fault = *fault;
    if (has_cert(a))
        enter(a, PHASE_VALID, "the stored certificate is in use");
    else if (site)
        enter(a, PHASE_WAITING, "no certificate yet");
}

/* ---- starting an exchange ---- */

static bool send_blob(struct agent *a, enum msg_type type, uint8_t kind, const uint8_t *data, size_t len)
{
    static struct msg_blob blob;
    if (len == 0 || len > MSG_BLOB_MAX)
        return false;
    blob.len = (uint16_t)len;
    blob.kind = kind;
    memcpy(blob.data, data, len);
    memset(blob.data + len, 0, sizeof blob.data - len);
    return ipc_send(a->net, type, &blob, -1) == IPC_OK;
}

/* Send certificate number `index` of a file of the current generation. */
static bool send_cert(struct agent *a, const char *file, unsigned index, uint8_t kind)
{
    static char pem[STORE_FILE_MAX];
    static uint8_t der[KEYS_CERT_MAX];
    long len = store_read(&a->store, file, pem, sizeof pem);
    size_t der_len = len > 0 ? keys_to_der(pem, (size_t)len, index, der, sizeof der) : 0;
    return der_len > 0 && send_blob(a, MSG_EST_CHAIN, kind, der, der_len);
}

static bool make_pending(struct agent *a)
{
    char key[KEYS_PEM_MAX];
    uint8_t csr[KEYS_CSR_MAX];
    size_t key_len = keys_make(key, sizeof key);
    size_t csr_len = key_len > 0 ? keys_request(key, key_len, a->site->device, csr, sizeof csr) : 0;
    bool made = csr_len > 0;
    if (made && store_begin(&a->store, (struct store_blob){key, key_len}, (struct store_blob){csr, csr_len}) < 0) {
        log_error("the new key cannot be stored: %s", strerror(errno));
        made = false;
    }
    explicit_bzero(key, sizeof key);
    return made;
}

/* The CSR to send: the pending one if it is still valid, so that a server with manual approval recognises it. */
static size_t pending_request(struct agent *a, uint8_t *csr, size_t max)
{
    char key[KEYS_PEM_MAX];
    for (int attempt = 0; attempt < 2; attempt++) {
        if (a->store.pending) {
            long key_len = store_read_pending(&a->store, "key.pem", key, sizeof key);
            long len = store_read_pending(&a->store, "csr.der", csr, max);
            bool fits =
                key_len > 0 && len > 0 && keys_request_fits(csr, (size_t)len, key, (size_t)key_len, a->site->device);
            explicit_bzero(key, sizeof key);
            if (fits)
                return (size_t)len;
        }
        if (!make_pending(a))
            break;
    }
    return 0;
}

static bool send_exchange(struct agent *a, const struct agent_time *now)
{
    uint8_t csr[KEYS_CSR_MAX];
    size_t csr_len = pending_request(a, csr, sizeof csr);
    struct msg_est_start start = {.renew = a->exchange.renew, .ca_known = a->exchange.renew};
    if (csr_len == 0)
        return false;
    start.resolver_count = (uint8_t)now->resolver_count;
    memcpy(start.resolvers, now->resolvers, sizeof start.resolvers);
    /* From here on the network part waits for the rest: if sending fails half-way, only a restart helps. */
    bool sent = ipc_send(a->net, MSG_EST_START, &start, -1) == IPC_OK;
    if (sent && a->exchange.renew) {
        sent = send_cert(a, "cert.pem", 0, 0) && send_cert(a, "ca.pem", 0, 1);
        for (unsigned i = 0; i < KEYS_CHAIN_MAX && send_cert(a, "chain.pem", i, 2); i++)
            continue;
    }
    if (!sent || !send_blob(a, MSG_EST_CSR, 0, csr, csr_len))
        log_fatal("the network part does not take a request");
    return true;
}

static void fail_by(struct agent *a, const struct agent_time *now, enum cause_code code);

static void begin(struct agent *a, const struct agent_time *now)
{
    a->exchange.running = true;
    a->exchange.renew = has_cert(a) && !expired(a, now);
    a->exchange.until = now->mono + EST_S;
    a->exchange.signs = 0;
    schedule_use(&a->day, now->mono);
    if (!now->trusted)
        a->blind = now->mono + BLIND_S;
    if (a->phase != PHASE_ALARM) /* an alarm stays until a success, so that its LED does not flicker */
        enter(a, has_cert(a) ? PHASE_RENEWING : PHASE_ENROLLING,
              a->forced     ? "renewal was asked for"
              : has_cert(a) ? "renewal is due"
                            : "asking for a certificate");
    a->forced = false;
    if (!send_exchange(a, now))
        fail_by(a, now, CAUSE_KEY_NOT_STORED);
}

/* ---- the end of an exchange ---- */

static void forget_issued(struct agent *a)
{
    struct keys_issued *got = &a->exchange.issued;
    free(got->cert.data);
    free(got->ca.data);
    for (unsigned i = 0; i < got->chain_count; i++)
        free(got->chain[i].data);
    memset(got, 0, sizeof *got);
}

/* In the last twentieth of the lifetime without a renewal: too late to retry silently. */
static bool is_late(const struct agent *a, const struct agent_time *now)
{
    return has_cert(a) && now->trusted &&
           now->unix_s > a->facts.not_after - (a->facts.not_after - a->facts.not_before) / 20;
}

/* Also called for a failure before anything was sent. wait_s: the server's Retry-After, 0: none. */
static void fail(struct agent *a, const struct agent_time *now, const struct cause *why, uint32_t wait_s)
{
    char line[CAUSE_LINE_MAX];
    a->exchange.running = false;
    forget_issued(a);
    a->failures++;
    uint32_t wait = schedule_wait(a->failures, random_number());
    if (wait_s > 0) /* plus jitter, so that a thousand boxes do not return in the same second */
        wait = wait_s + random_number() % (wait_s / 8 + 1);
    a->next = now->mono + wait;
    a->person = cause_person(why) && now->trusted; /* with a wrong clock dates are often the real reason */
    a->fault = *why;
    log_warn("%s; next try in %u s", cause_line(why, line), wait);
    if (a->failures == 1 || a->failures % 10 == 0) /* do not fill the audit log with every retry */
        audit_event("cert.failed", "failures=%u reason=\"%s\"", a->failures, line);
    if (a->person || expired(a, now) || is_late(a, now))
        enter(a, PHASE_ALARM, line);
    else
        enter(a, has_cert(a) ? PHASE_VALID : PHASE_WAITING, line);
}

static void fail_by(struct agent *a, const struct agent_time *now, enum cause_code code)
{
    struct cause why;
    cause_set(&why, code, NULL);
    fail(a, now, &why, 0);
}

static bool commit(struct agent *a)
{
    static char cert[KEYS_CERT_PEM_MAX], ca[KEYS_CERT_PEM_MAX], chain[STORE_FILE_MAX];
    const struct keys_issued *got = &a->exchange.issued;
    size_t cert_len = keys_to_pem(got->cert, cert, sizeof cert), ca_len = keys_to_pem(got->ca, ca, sizeof ca);
    size_t chain_len = 0;
    for (unsigned i = 0; i < got->chain_count; i++)
        chain_len += keys_to_pem(got->chain[i], chain + chain_len, sizeof chain - chain_len);
    return cert_len > 0 && ca_len > 0 &&
           store_commit(&a->store, (struct store_blob){cert, cert_len}, (struct store_blob){ca, ca_len},
                        (struct store_blob){chain, chain_len}) == 0;
}

static void finish(struct agent *a, const struct agent_time *now)
{
    char line[CAUSE_LINE_MAX], key[KEYS_PEM_MAX];
    struct cause why;
    cause_set(&why, CAUSE_KEY_NOT_READ, NULL);
    long key_len = store_read_pending(&a->store, "key.pem", key, sizeof key);
    bool good = key_len > 0 &&
                keys_check(&a->exchange.issued, key, (size_t)key_len, a->site->est_ca_sha256, now->trusted, &why);
    explicit_bzero(key, sizeof key);
    if (!good) {
        audit_event("cert.refused", "reason=\"%s\"", cause_line(&why, line));
        fail(a, now, &why, 0);
        return;
    }
    if (!commit(a) || !read_current(a)) {
        fail_by(a, now, CAUSE_CERT_NOT_STORED);
        return;
    }
    bool renewed = a->exchange.renew;
    a->exchange.running = false;
    forget_issued(a);
    a->failures = 0;
    a->person = false;
    cause_set(&a->fault, CAUSE_NONE, NULL);
    charon_load_again(&a->load);
    audit_event(renewed ? "cert.renewed" : "cert.enrolled", "generation=%u serial=%s subject=\"%s\"", a->store.current,
                a->facts.serial, a->facts.subject);
    enter(a, PHASE_VALID, renewed ? "the certificate was renewed" : "the certificate was issued");
}

/* ---- messages from the network part ---- */

static bool take_cert(struct agent *a, const struct msg_blob *blob)
{
    struct keys_issued *got = &a->exchange.issued;
    struct keys_der *slot = blob->kind == 0 ? &got->cert : blob->kind == 1 ? &got->ca : NULL;
    if (!slot && blob->kind == 2 && got->chain_count < KEYS_CHAIN_MAX)
        slot = &got->chain[got->chain_count++];
    if (!slot || slot->data || blob->len == 0 || blob->len > KEYS_CERT_MAX)
        return false;
    slot->data = malloc(blob->len);
    if (!slot->data)
        log_fatal("out of memory");
    memcpy(slot->data, blob->data, blob->len);
    slot->len = blob->len;
    return true;
}

/* Sign the TLS client's CertificateVerify with the current key: the only signature the network part can get. */
static bool sign(struct agent *a, const struct msg_sign *wish)
{
    char key[KEYS_PEM_MAX];
    uint8_t signature[256];
    bool length_fits = wish->len == 32 || wish->len == 48 || wish->len == 64;
    if (!a->exchange.renew || !length_fits || ++a->exchange.signs > SIGNATURES_MAX)
        return false;
    long key_len = store_read(&a->store, "key.pem", key, sizeof key);
    size_t len =
        key_len > 0 ? keys_sign(key, (size_t)key_len, wish->digest, wish->len, signature, sizeof signature) : 0;
    explicit_bzero(key, sizeof key);
    return send_blob(a, MSG_SIGNATURE, 0, signature, len);
}

static void done(struct agent *a, const struct msg_est_done *end, const struct agent_time *now)
{
    if (end->server_time > 0) {
        a->server_time = end->server_time;
        a->server_time_at = now->mono;
    }
    if (end->ok) {
        finish(a, now);
        return;
    }
    fail(a, now, &end->cause, end->retry_after_s);
}

bool agent_message(struct agent *a, const struct msg *m, const struct agent_time *now)
{
    if (!a->exchange.running)
        return false;
    switch (m->head.type) {
    case MSG_SIGN: return sign(a, &m->u.sign);
    case MSG_EST_CERT: return take_cert(a, &m->u.blob);
    case MSG_EST_DONE: done(a, &m->u.est_done, now); return true;
    default: return false;
    }
}

/* ---- time ---- */

/* Try at once when the uplink comes back or the clock becomes trusted. */
static void watch_surroundings(struct agent *a, const struct agent_time *now)
{
    bool better = (now->link && !a->had_link) || (now->trusted && !a->had_time);
    if (a->started == 0) {
        a->started = a->untrusted_from = now->mono;
        better = false;
    }
    if (better && now->link && a->failures > 0 && !a->person) {
        a->failures = 0;
        a->next = now->mono + 1;
    }
    if (now->link && !a->had_link && a->failures == 0 && !has_cert(a))
        cause_set(&a->fault, CAUSE_NONE, NULL); /* the fault was the missing uplink */
    if (!now->trusted && a->had_time)
        a->untrusted_from = now->mono;
    a->had_link = now->link;
    a->had_time = now->trusted;
}

/* Renewal by date. While the clock is untrusted, only an occasional try (BLIND_S). */
static bool is_renewal_due(const struct agent *a, const struct agent_time *now)
{
    if (now->unix_s < a->renew_at)
        return false;
    return now->trusted || (now->mono >= a->untrusted_from + NTP_S && now->mono >= a->blind);
}

static bool is_due(const struct agent *a, const struct agent_time *now)
{
    if (now->mono < a->next)
        return false;
    return a->forced || !has_cert(a) || is_renewal_due(a, now);
}

void agent_tick(struct agent *a, const struct agent_time *now)
{
    charon_load_tick(&a->load, now->mono);
    if (!a->site)
        return;
    if (a->exchange.running) {
        if (now->mono >= a->exchange.until)
            log_fatal("the network part does not answer");
        return;
    }
    watch_surroundings(a, now);
    if (expired(a, now) && a->phase == PHASE_VALID) {
        cause_set(&a->fault, CAUSE_CERT_EXPIRED, NULL);
        enter(a, PHASE_ALARM, cause_word(CAUSE_CERT_EXPIRED));
    }
    if (!now->link && !has_cert(a)) {
        if (now->mono >= a->started + CAUSE_VISIBLE_NO_LINE_YET)
            cause_set(&a->fault, CAUSE_NO_LINE_YET, NULL);
        return;
    }
    if (is_due(a, now) && schedule_blocked(&a->day, now->mono) == 0)
        begin(a, now);
}

void agent_renew(struct agent *a, const struct agent_time *now, struct msg_reply *reply)
{
    uint32_t blocked = schedule_blocked(&a->day, now->mono);
    reply->ok = 0;
    if (!a->site) {
        cause_set(&reply->cause, CAUSE_NOBODY_TO_ASK, NULL);
    } else if (a->exchange.running) {
        cause_set(&reply->cause, CAUSE_ASKING_ALREADY, NULL);
    } else if (blocked > 0) {
        cause_set(&reply->cause, CAUSE_DAY_USED_UP, CAUSE_NUMBER(SCHEDULE_PER_DAY), CAUSE_NUMBER(blocked / 60 + 1),
                  NULL);
    } else {
        a->forced = true;
        a->next = now->mono;
        reply->ok = 1;
        cause_set(&reply->cause, CAUSE_ASKING_NOW, NULL);
        audit_event("cert.renew-asked", "generation=%u", a->store.current);
    }
}

int64_t agent_next_try(const struct agent *a, const struct agent_time *now)
{
    int64_t in = a->next > now->mono ? a->next - now->mono : 0, blocked = schedule_blocked(&a->day, now->mono);
    if (!a->site || a->exchange.running || !now->trusted)
        return 0;
    int64_t at = now->unix_s + (in > blocked ? in : blocked);
    return has_cert(a) && at < a->renew_at && !a->forced ? a->renew_at : at;
}
