/*
 * Fuzz target: the check of IPC messages. First octet: the receiver's role; second: is there a descriptor; the rest
 * is the datagram. An accepted message must be safe to use as it is.
 *
 * Every eighth mutation starts with a valid message of some type (ipc_seed.h), so that each type is covered. At the
 * end it reports how many types were accepted at least once, and after a long enough run fails if one was not.
 */
#include "cause_text.h"
#include "fuzz/ipc_seed.h"
#include "must.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_ENOUGH 100000 /* executions */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static unsigned long executions, accepted[IPC_SEED_TYPES];

static bool is_addr(const struct addr *a, bool may_be_none)
{
    char text[64];
    if (a->family == 0)
        return may_be_none;
    return addr_text(a, text, sizeof text)[0] != '\0';
}

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void use_to_gate(const struct msg *m)
{
    switch (m->head.type) {
    case MSG_WANT: MUST(is_addr(&m->u.want.client, false)); break;
    case MSG_FLOW:
        MUST(m->u.flow.what < FLOW_WHAT_COUNT && m->u.flow.service >= 1 && m->u.flow.service <= CONF_SERVICES_MAX);
        MUST(m->u.flow.count <= MSG_FLOW_PACKETS && is_text(m->u.flow.name, sizeof m->u.flow.name));
        MUST(is_addr(&m->u.flow.client, false) && is_addr(&m->u.flow.server, false));
        break;
    case MSG_BLOCKED:
        MUST(is_text(m->u.blocked.reason, sizeof m->u.blocked.reason));
        MUST(is_addr(&m->u.blocked.client, true) && is_addr(&m->u.blocked.server, true));
        break;
    case MSG_REFUSED:
        MUST(m->u.refused.why < WHY_COUNT && is_text(m->u.refused.name, sizeof m->u.refused.name));
        MUST(is_addr(&m->u.refused.client, true) && is_addr(&m->u.refused.answer, true));
        break;
    case MSG_ADMIT:
        MUST(is_text(m->u.admit.name, sizeof m->u.admit.name) && conf_is_fqdn(m->u.admit.name));
        MUST(m->u.admit.count >= 1 && m->u.admit.count <= MSG_ADMIT_ADDRS);
        for (unsigned i = 0; i < m->u.admit.count; i++)
            MUST(is_addr(&m->u.admit.addrs[i], false));
        break;
    case MSG_UPSTREAM_TCP:
    case MSG_CTL_SESSION_START: MUST(m->u.service.service <= CONF_SERVICES_MAX); break;
    default: break;
    }
}

static void use_to_names_and_sni(const struct msg *m)
{
    switch (m->head.type) {
    case MSG_LISTEN: MUST(m->u.listen.family == AF_INET || m->u.listen.family == AF_INET6); break;
    case MSG_UPSTREAM:
        MUST(m->u.upstream.service <= CONF_SERVICES_MAX && is_addr(&m->u.upstream.resolver, false));
        break;
    case MSG_UPSTREAM_CLEAR: MUST(m->u.service.service <= CONF_SERVICES_MAX); break;
    case MSG_NAME:
        MUST(m->u.name.service >= 1 && m->u.name.service <= CONF_SERVICES_MAX);
        MUST(is_text(m->u.name.name, sizeof m->u.name.name) && conf_is_pattern(m->u.name.name));
        break;
    case MSG_HOST: MUST(is_addr(&m->u.host.addr, true)); break;
    case MSG_PRIVATE: MUST(is_text(m->u.private_answers.domain, sizeof m->u.private_answers.domain)); break;
    case MSG_NEVER: MUST(is_addr(&m->u.never.net.addr, m->u.never.line != 0) && m->u.never.net.len <= 128); break;
    case MSG_MODE: MUST(m->u.mode.mode <= MODE_BEFORE); break;
    case MSG_ADMITTED: MUST(m->u.admitted.verdict <= ADMIT_KERNEL); break;
    case MSG_QUEUE: MUST(m->u.queue.kind <= QUEUE_BLOCKED); break;
    default: break;
    }
}

/* All operations on a cause, with a round trip. */
static void use_cause(const struct cause *c)
{
    char line[CAUSE_LINE_MAX], text[CAUSE_TEXT_MAX];
    struct cause back;
    for (int lang = CAUSE_EN; lang <= CAUSE_JA; lang++)
        for (int part = CAUSE_WRONG; part <= CAUSE_DO; part++)
            MUST(strlen(cause_sentence(c, lang, part, text)) < sizeof text);
    if (c->code != CAUSE_NONE)
        MUST(*cause_line(c, line) && cause_parse(line, &back) && cause_equal(c, &back));
}

static void use_to_others(const struct msg *m)
{
    switch (m->head.type) {
    case MSG_EST_CSR:
    case MSG_EST_CHAIN:
    case MSG_EST_CERT:
    case MSG_SIGNATURE: MUST(m->u.blob.len <= sizeof m->u.blob.data); break;
    case MSG_EST_START:
        MUST(m->u.est_start.resolver_count <= CONF_ADDRS_MAX);
        for (unsigned i = 0; i < m->u.est_start.resolver_count; i++)
            MUST(is_addr(&m->u.est_start.resolvers[i], false));
        break;
    case MSG_SIGN: MUST(m->u.sign.len <= sizeof m->u.sign.digest); break;
    case MSG_EST_DONE: use_cause(&m->u.est_done.cause); break;
    case MSG_TIME_ASK:
        MUST(m->u.time_ask.server_count >= 1 && m->u.time_ask.server_count <= CONF_ADDRS_MAX);
        for (unsigned i = 0; i < m->u.time_ask.server_count; i++)
            MUST(is_text(m->u.time_ask.servers[i], sizeof m->u.time_ask.servers[i]));
        break;
    case MSG_TIME_ANSWER: MUST(m->u.time_answer.server < CONF_ADDRS_MAX); break;
    case MSG_LINE: MUST(m->u.line.up <= 1); break;
    case MSG_LEASE:
        MUST(m->u.lease.dns_count <= CONF_ADDRS_MAX && m->u.lease.ntp_count <= CONF_ADDRS_MAX);
        MUST(!m->u.lease.bound || (m->u.lease.prefix_len >= 1 && m->u.lease.prefix_len <= 32));
        break;
    case MSG_CTL_REPLY: use_cause(&m->u.reply.cause); break;
    default: break;
    }
}

static void reached(void)
{
    unsigned types = 0, seen = 0;
    char missing[1024] = "";
    for (unsigned t = 0; t < IPC_SEED_TYPES; t++) {
        if (ipc_size(t) < 0)
            continue;
        types++;
        seen += accepted[t] > 0;
        if (accepted[t] == 0)
            snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %u", t);
    }
    fprintf(stderr, "reached: %u of %u message types\n", seen, types);
    if (seen < types && executions >= LONG_ENOUGH) {
        fprintf(stderr, "ERROR: never accepted: message types%s (an example of each in tests/fuzz/ipc_seed.h)\n",
                missing);
        _exit(1);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    atexit(reached);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    if (seed % 8 == 0) {
        unsigned type = seed / 8 % IPC_SEED_TYPES;
        while (ipc_size(type) < 0)
            type = (type + 1) % IPC_SEED_TYPES;
        size_t len = ipc_seed_input(type, data, max);
        if (len > 0)
            return seed / 8 % 3 == 0 ? len : LLVMFuzzerMutate(data, len, max);
    }
    return LLVMFuzzerMutate(data, size, max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    executions++;
    if (size < 2)
        return 0;
    enum msg_role to = (enum msg_role)(data[0] % (ROLE_CTL_CLIENT + 1));
    bool fd = data[1] & 1;
    if (!ipc_valid(to, data + 2, size - 2, fd))
        return 0;
    struct msg m;
    MUST(size - 2 <= sizeof m);
    memcpy(&m, data + 2, size - 2);
    MUST(size - 2 == sizeof m.head + m.head.size);
    /* exactly one role may receive it (dns and sni share a few), and only with or without a descriptor */
    for (unsigned role = 0; role <= ROLE_CTL_CLIENT; role++)
        if (role != (unsigned)to && !(role == ROLE_DNS && to == ROLE_SNI) && !(role == ROLE_SNI && to == ROLE_DNS))
            MUST(!ipc_valid((enum msg_role)role, data + 2, size - 2, fd));
    MUST(!ipc_valid(to, data + 2, size - 2, !fd));
    accepted[m.head.type]++;
    use_to_gate(&m);
    use_to_names_and_sni(&m);
    use_to_others(&m);
    return 0;
}
