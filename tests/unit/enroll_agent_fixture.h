/* The agent with a real store; the test plays the network part, the centre's CA and the clock. */
#ifndef TEST_ENROLL_AGENT_FIXTURE_H
#define TEST_ENROLL_AGENT_FIXTURE_H

#include "agent.h"
#include "ipc.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* wants the headers above first */

#define DAY 86400
#define TODAY 1763683200 /* 2025-11-21 */

struct fixture {
    char folder[32];
    int keys, net; /* the store's folder; the network part's end of the socket */
    struct conf_site site;
    struct agent agent;
    struct agent_time now;
    EVP_PKEY *ca_key;
    X509 *ca;
    struct msg_est_start start; /* of the last exchange */
    uint8_t csr[MSG_BLOB_MAX];
    size_t csr_len;
    unsigned chain_count; /* certificates that came along with it */
};

/* Replaces libc's, also for OpenSSL, which checks dates with it: everything uses the fixture's time. */
static int64_t *everybodys_time;
time_t time(time_t *out)
{
    time_t now = everybodys_time ? (time_t)*everybodys_time : TODAY;
    if (out)
        *out = now;
    return now;
}

static inline X509 *sign_cert(EVP_PKEY *subject, const char *name, EVP_PKEY *issuer, X509 *ca, long from, long to)
{
    X509 *cert = X509_new();
    X509_NAME *n = X509_get_subject_name(cert);
    static long serial = 1;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, ca ? X509_get_subject_name(ca) : n);
    ASN1_TIME_set(X509_getm_notBefore(cert), from);
    ASN1_TIME_set(X509_getm_notAfter(cert), to);
    X509_set_pubkey(cert, subject);
    if (!ca) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(cert, e, -1);
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(cert, issuer, EVP_sha256()) > 0);
    return cert;
}

static inline void start_agent(struct fixture *f)
{
    int pair[2];
    assert_int_equal(ipc_pair(pair), 0);
    if (f->net >= 0)
        close(f->net);
    f->net = pair[1];
    agent_init(&f->agent, &f->site, NULL, pair[0], &f->keys, "/tmp/there-is-no-charon");
}

static inline void stop_agent(struct fixture *f)
{
    struct keys_issued *got = &f->agent.exchange.issued; /* of an exchange that was still running */
    free(got->cert.data);
    free(got->ca.data);
    for (unsigned i = 0; i < got->chain_count; i++)
        free(got->chain[i].data);
    close(f->agent.net);
}

static inline int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/agent-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->keys = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->net = -1;
    f->ca_key = EVP_EC_gen("P-256");
    f->ca = sign_cert(f->ca_key, "CA", f->ca_key, NULL, TODAY - 1000 * DAY, TODAY + 9000L * DAY);
    assert_int_equal(X509_digest(f->ca, EVP_sha256(), f->site.est_ca_sha256, NULL), 1);
    strcpy(f->site.device, "box-1");
    strcpy(f->site.est_host, "est.example.jp");
    f->now = (struct agent_time){.mono = 1000, .unix_s = TODAY, .trusted = true, .link = true};
    everybodys_time = &f->now.unix_s;
    start_agent(f);
    *state = f;
    return 0;
}

static inline int end(void **state)
{
    struct fixture *f = *state;
    char command[64];
    stop_agent(f);
    close(f->net);
    close(f->keys);
    snprintf(command, sizeof command, "rm -r --one-file-system %s", f->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of this test's own */
    everybodys_time = NULL;
    X509_free(f->ca);
    EVP_PKEY_free(f->ca_key);
    free(f);
    return 0;
}

/* Advance the time. */
static inline void pass(struct fixture *f, int64_t seconds)
{
    f->now.mono += seconds;
    f->now.unix_s += seconds;
}

/* One tick; if it starts an exchange, receive its messages. */
static inline bool asks(struct fixture *f)
{
    struct msg m;
    int fd;
    bool asked = false;
    agent_tick(&f->agent, &f->now);
    f->chain_count = 0;
    while (ipc_recv(f->net, ROLE_ENROLL_NET, &m, &fd) == IPC_OK) {
        if (m.head.type == MSG_EST_START) {
            f->start = m.u.est_start;
            asked = true;
        } else if (m.head.type == MSG_EST_CHAIN) {
            f->chain_count++;
        } else if (m.head.type == MSG_EST_CSR) {
            f->csr_len = m.u.blob.len;
            memcpy(f->csr, m.u.blob.data, f->csr_len);
        }
    }
    return asked;
}

/* Tick each second for at most `limit` seconds. Returns after how many the agent asked, -1: it did not. */
static inline int64_t asks_within(struct fixture *f, int64_t limit)
{
    for (int64_t i = 0; i <= limit; i++) {
        if (asks(f))
            return i;
        pass(f, 1);
    }
    return -1;
}

static inline bool give_cert(struct fixture *f, X509 *cert, uint8_t kind)
{
    static struct msg m;
    unsigned char *at = m.u.blob.data;
    memset(&m, 0, sizeof m);
    m.head.type = MSG_EST_CERT;
    m.u.blob.kind = kind;
    m.u.blob.len = (uint16_t)i2d_X509(cert, &at);
    return agent_message(&f->agent, &m, &f->now);
}

/* cause CAUSE_NONE: it went well. */
static inline bool give_end(struct fixture *f, enum cause_code cause, uint32_t retry_after)
{
    struct msg m = {.head = {.type = MSG_EST_DONE, .size = sizeof m.u.est_done}};
    m.u.est_done = (struct msg_est_done){.ok = cause == CAUSE_NONE, .retry_after_s = retry_after};
    cause_set(&m.u.est_done.cause, cause, NULL);
    assert_true(ipc_valid(ROLE_ENROLL, &m, sizeof m.head + sizeof m.u.est_done, false));
    return agent_message(&f->agent, &m, &f->now);
}

static inline void fails(struct fixture *f)
{
    assert_true(give_end(f, CAUSE_EST_NOT_HTTP, 0));
}

/* A certificate for the key of the request; ca_key NULL: signed by the centre. */
static inline void issue(struct fixture *f, EVP_PKEY *ca_key, int64_t from, int64_t to)
{
    const unsigned char *at = f->csr;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)f->csr_len);
    assert_non_null(request);
    assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
    X509 *cert = sign_cert(X509_REQ_get0_pubkey(request), "box-1", ca_key ? ca_key : f->ca_key, f->ca, from, to);
    assert_true(give_cert(f, cert, 0));
    assert_true(give_cert(f, f->ca, 1));
    assert_true(give_end(f, CAUSE_NONE, 0));
    X509_free(cert);
    X509_REQ_free(request);
}

static inline void enrol(struct fixture *f)
{
    assert_true(asks(f));
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.phase, PHASE_VALID);
}

#endif
