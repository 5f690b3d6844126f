/*
 * The one place that changes what the packet filter lets pass as a whole: mode and generation, whether TLS flows may
 * begin, closed. (Single addresses open in admit_batch.c; how it is said to the kernel: firewall_apply.c.)
 */
#ifndef SEKISHO_GATE_FIREWALL_MODE_H
#define SEKISHO_GATE_FIREWALL_MODE_H

#include "firewall.h"
#include "sni_link.h"

struct firewall_mode {
    /* given at the start */
    const struct conf *conf;
    const struct sni_link *sni;
};

/* Once, before anything opens: which host may use what. Does not return if the kernel does not take it. */
void firewall_mode_begin(const struct firewall_mode *f);
/* What session.c asks for, with what it does not know: 0, or -1 with errno. */
int firewall_mode_set(const struct firewall_mode *f, const struct firewall_view *view);
/* Forget the tracked connections of this generation; it is dead already. */
void firewall_mode_forget(uint32_t generation);
/* May TLS flows of this generation begin? 0: none may. */
void firewall_mode_tls(uint32_t generation);
/* Nothing passes: what every fault ends in. */
void firewall_mode_close(void);

#endif
