/* One valid IPC message of every type: seeds for the fuzzer, and examples for the unit test of ipc.c. */
#ifndef SEKISHO_FUZZ_IPC_SEED_H
#define SEKISHO_FUZZ_IPC_SEED_H

#include "ipc.h"

#include <netinet/in.h>
#include <string.h>

#define IPC_SEED_TYPES 256 /* more than there will be */

static inline struct addr ipc_seed_addr(uint8_t last)
{
    return (struct addr){.family = AF_INET, .bytes = {192, 0, 2, last}};
}

static inline void ipc_seed_flow(struct msg_flow *b)
{
    *b = (struct msg_flow){.what = FLOW_NAME,
                           .service = 1,
                           .count = 2,
                           .client = ipc_seed_addr(2),
                           .server = ipc_seed_addr(80),
                           .client_port = 40000,
                           .server_port = 443,
                           .seq = 1,
                           .ack = 1,
                           .packets = {1, 2},
                           .name = "registry.example.jp"};
}

/* Between gate, `dns` and `sni`. */
static inline bool ipc_seed_gate(unsigned type, struct msg *m)
{
    switch (type) {
    case MSG_LISTEN: m->u.listen = (struct msg_listen){IPPROTO_UDP, AF_INET}; break;
    case MSG_UPSTREAM:
        m->u.upstream.service = 1;
        m->u.upstream.proto = IPPROTO_UDP;
        m->u.upstream.resolver = ipc_seed_addr(53);
        break;
    case MSG_NAME:
        m->u.name = (struct msg_name){.id = 1, .service = 1, .ech_noise = 1, .name = "*.registry.example.jp"};
        break;
    case MSG_HOST: m->u.host = (struct msg_host){.addr = ipc_seed_addr(2), .services = 3}; break;
    case MSG_MODE:
        m->u.mode = (struct msg_mode){.mode = MODE_SESSION, .services_up = 1, .generation = 0x5e5e5e5e};
        break;
    case MSG_ADMITTED: m->u.admitted = (struct msg_admitted){7, ADMIT_OK}; break;
    case MSG_PRIVATE: m->u.private_answers = (struct msg_private){.domain = "hospital.example"}; break;
    case MSG_NEVER: m->u.never = (struct msg_never){.net = {ipc_seed_addr(2), 24}}; break;
    case MSG_RESOLVE: m->u.resolve = (struct msg_resolve){.id = 1, .name = "www.registry.example.jp"}; break;
    case MSG_WANT: m->u.want.client = ipc_seed_addr(2); break;
    case MSG_ADMIT:
        m->u.admit = (struct msg_admit){.seq = 7,
                                        .id = 1,
                                        .generation = 0x5e5e5e5e,
                                        .timeout_s = 360,
                                        .count = 2,
                                        .addrs = {ipc_seed_addr(80), ipc_seed_addr(81)},
                                        .name = "registry.example.jp"};
        break;
    case MSG_REFUSED:
        m->u.refused = (struct msg_refused){.why = WHY_OUTSIDE,
                                            .qtype = 1,
                                            .client = ipc_seed_addr(2),
                                            .name = "registry.example.jp"};
        m->u.refused.answer = ipc_seed_addr(99);
        break;
    case MSG_QUEUE: m->u.queue.kind = QUEUE_BLOCKED; break;
    case MSG_FLOW: ipc_seed_flow(&m->u.flow); break;
    case MSG_BLOCKED:
        m->u.blocked = (struct msg_blocked){.reason = "not-listed", .proto = IPPROTO_TCP, .port = 443, .count = 3};
        m->u.blocked.client = ipc_seed_addr(2);
        m->u.blocked.server = ipc_seed_addr(80);
        break;
    default: return false;
    }
    return true;
}

/* Between the two parts of enroll, clock and wan, and the control sockets. */
static inline bool ipc_seed_others(unsigned type, struct msg *m)
{
    switch (type) {
    case MSG_EST_START: m->u.est_start = (struct msg_est_start){1, 1, 1, {ipc_seed_addr(53)}}; break;
    case MSG_EST_CSR:
    case MSG_EST_CHAIN:
    case MSG_EST_CERT:
    case MSG_SIGNATURE: m->u.blob = (struct msg_blob){.len = 4, .kind = 1, .data = {0x30, 2, 5, 0}}; break;
    case MSG_SIGN: m->u.sign = (struct msg_sign){.seq = 7, .len = 48}; break;
    case MSG_EST_DONE:
        m->u.est_done = (struct msg_est_done){.http_status = 503};
        cause_set(&m->u.est_done.cause, CAUSE_EST_FAULT, "503", "come back later", NULL);
        break;
    case MSG_TIME_ASK:
        m->u.time_ask = (struct msg_time_ask){.server_count = 1,
                                              .resolver_count = 1,
                                              .servers = {"ntp.nict.jp"},
                                              .resolvers = {ipc_seed_addr(53)}};
        break;
    case MSG_TIME_ANSWER:
        m->u.time_answer = (struct msg_time_answer){1, 0, 1, 900, INT64_C(1795000000000000000)};
        break;
    case MSG_LINE: m->u.line.up = 1; break;
    case MSG_LEASE:
        m->u.lease = (struct msg_lease){.bound = 1, .prefix_len = 24, .dns_count = 1, .ntp_count = 1, .lease_s = 7200};
        m->u.lease.address = ipc_seed_addr(2);
        m->u.lease.gateway = m->u.lease.dns[0] = m->u.lease.ntp[0] = ipc_seed_addr(1);
        break;
    case MSG_CTL_REPLY:
        m->u.reply.ok = 1;
        cause_set(&m->u.reply.cause, CAUSE_TUNNEL_RAISING, "lab", NULL);
        break;
    /* a service number, or no body: always valid */
    case MSG_UPSTREAM_CLEAR:
    case MSG_NAMES_END:
    case MSG_PING:
    case MSG_PONG:
    case MSG_UPSTREAM_TCP:
    case MSG_CTL_SESSION_START:
    case MSG_CTL_SESSION_END:
    case MSG_CTL_CERT_RENEW: break;
    default: return false;
    }
    return true;
}

/*
 * Fill the body of *m for this type; its size comes from ipc_size. False: this type has no example here, which the unit
 * test does not accept for a type that exists.
 */
static inline bool ipc_seed(unsigned type, struct msg *m)
{
    int size = ipc_size(type);
    if (size < 0)
        return false;
    memset(m, 0, sizeof *m);
    m->head = (struct msg_head){.type = (uint16_t)type, .size = (uint16_t)size};
    return ipc_seed_gate(type, m) || ipc_seed_others(type, m);
}

/* The same in the fuzz target's form: role, descriptor, datagram. 0: there is none of this type. */
static inline size_t ipc_seed_input(unsigned type, uint8_t *out, size_t max)
{
    struct msg m;
    if (!ipc_seed(type, &m) || max < 2 + sizeof m.head + m.head.size)
        return 0;
    size_t len = sizeof m.head + m.head.size;
    memcpy(out + 2, &m, len);
    for (unsigned role = 0; role <= ROLE_CTL_CLIENT; role++)
        for (unsigned fd = 0; fd < 2; fd++)
            if (ipc_valid((enum msg_role)role, out + 2, len, fd)) {
                out[0] = (uint8_t)role;
                out[1] = (uint8_t)fd;
                return len + 2;
            }
    return 0;
}

#endif
