/*
 * The requests of `dns`: to admit the addresses of an answer (admit_batch.c), to start a session for a listed name,
 * to count a refusal. `dns` parses untrusted input, so each request is checked.
 */
#ifndef SEKISHO_GATE_DNS_REQUESTS_H
#define SEKISHO_GATE_DNS_REQUESTS_H

#include "admit_batch.h"
#include "dns_link.h"
#include "refusals.h"

#define DNS_REQUESTS_SHOWN_MS 600000 /* how long the last refused answer is shown in the status */

struct dns_requests {
    /* given at the start */
    struct session *session;
    struct charon *charon;
    struct admit *admit;
    struct registry *registry;
    struct refusals *refusals;
    struct dns_link *dns;
    bool *changed; /* set when the state file is to be written (publish.h) */
    /* `dns` has exited or broken the protocol; must not return. */
    void (*lost)(void *user, enum cause_code why);
    void *user;
    /* its own */
    struct admit_batch batch;
    struct cause refused; /* the last refused answer; CAUSE_NONE: none recently */
    uint64_t refused_at;
};

/* user: a struct dns_requests */
extern const struct dns_link_ops dns_requests_ops;

/* Call once the members given at the start are set. */
void dns_requests_init(struct dns_requests *d);
void dns_requests_tick(struct dns_requests *d, uint64_t now_ms);

#endif
