/*
 * Fuzz target: the check of internal messages. First octet: the receiver's role; second: does a descriptor come along;
 * the rest is the datagram. What is accepted must be safe to use as it is.
 */
#include "ipc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
    use(&m);
    return 0;
}
