/*
 * The only place that changes the packet filter's mode: mode and generation, whether TLS flows may start, closed.
 * (Single addresses are admitted in admit_batch.c; the netlink part is firewall_apply.c.)
 */
#ifndef SEKISHO_GATE_FIREWALL_MODE_H
#define SEKISHO_GATE_FIREWALL_MODE_H

#include "firewall.h"
#include "registry.h"
#include "sni_link.h"

struct firewall_mode {
    /* given at the start */
    const struct conf *conf;
    const struct sni_link *sni;
    const struct registry *registry;
};

/* Call once, before anything is allowed: installs the host bindings. Does not return if the kernel refuses them. */
void firewall_mode_begin(const struct firewall_mode *f);
/* Apply the view of session.c, completed by what it does not know. 0, or -1 with errno. */
int firewall_mode_set(const struct firewall_mode *f, const struct firewall_view *view);
/* Delete the tracked connections of this generation, which is dead already. */
void firewall_mode_forget(uint32_t generation);
/* Let TLS flows of this generation start. 0: none. */
void firewall_mode_tls(uint32_t generation);
/* Block everything: the reaction to every fault. */
void firewall_mode_close(void);

#endif
