/*
 * Fuzz target: the check of internal messages. First octet: the receiver's role; second: does a descriptor come along;
 * the rest is the datagram. What is accepted must be safe to use as it is.
 *
 * Every eighth mutation begins with a good message of some type (ipc_seed.h), so that none is left out. At the end it says
 * how many types were accepted at least once, and after a long enough run fails if one was not.
 */
#include "fuzz/ipc_seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_ENOUGH 100000 /* executions */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static unsigned long executions, accepted[IPC_SEED_TYPES];

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static void use(const struct msg *m)
{
    char text[64];
    switch (m->head.type) {
    case MSG_NAME: MUST(strlen(m->u.name.name) < CONF_FQDN_MAX); break;
    case MSG_FLOW: MUST(m->u.flow.count <= MSG_FLOW_PACKETS && strlen(m->u.flow.name) < CONF_FQDN_MAX); break;
    case MSG_BLOCKED: MUST(strlen(m->u.blocked.reason) < MSG_REASON_MAX); break;
    case MSG_REFUSED: MUST(strlen(m->u.refused.name) < CONF_FQDN_MAX); break;
    case MSG_ADMIT:
        MUST(strlen(m->u.admit.name) < CONF_FQDN_MAX);
        for (unsigned i = 0; i < m->u.admit.count; i++)
            MUST(addr_text(&m->u.admit.addrs[i], text, sizeof text)[0] != '\0');
        break;
    case MSG_EST_CSR:
    case MSG_EST_CHAIN:
    case MSG_EST_CERT:
    case MSG_SIGNATURE: MUST(m->u.blob.len <= sizeof m->u.blob.data); break;
    case MSG_EST_START: MUST(m->u.est_start.resolver_count <= CONF_ADDRS_MAX); break;
    case MSG_SIGN: MUST(m->u.sign.len <= sizeof m->u.sign.digest); break;
    case MSG_EST_DONE: MUST(strlen(m->u.est_done.text) < sizeof m->u.est_done.text); break;
    case MSG_CTL_REPLY: MUST(strlen(m->u.reply.text) < sizeof m->u.reply.text); break;
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
    /* exactly one role may receive it (names and hello share a few), and only with or without a descriptor */
    for (unsigned role = 0; role <= ROLE_CTL_CLIENT; role++)
        if (role != (unsigned)to && !(role == ROLE_NAMES && to == ROLE_HELLO) &&
            !(role == ROLE_HELLO && to == ROLE_NAMES))
            MUST(!ipc_valid((enum msg_role)role, data + 2, size - 2, fd));
    MUST(!ipc_valid(to, data + 2, size - 2, !fd));
    accepted[m.head.type]++;
    use(&m);
    return 0;
}
