#include "firewall_mode.h"
#include "log.h"

#include <errno.h>
#include <string.h>

void firewall_mode_begin(const struct firewall_mode *f)
{
    /* (Closed, as the ruleset was loaded; Finit reloads it and restarts gate. A later change of mode includes the
     * prefixes, so that nothing can be allowed without them.) */
    if (firewall_hosts(f->conf) < 0)
        log_fatal("the kernel does not take which host may use what: %s", strerror(errno));
}

int firewall_mode_set(const struct firewall_mode *f, const struct firewall_view *view)
{
    struct firewall_view with = *view;
    with.tls_waits = !sni_link_is_there(f->sni);
    with.registry = f->conf->services;
    with.registry_count = f->conf->service_count;
    with.known = f->registry->list;
    with.known_count = f->registry->count;
    return firewall_apply(&with);
}

void firewall_mode_forget(uint32_t generation)
{
    if (firewall_forget(generation) < 0)
        log_warn("old connections are still tracked (they are dead all the same): %s", strerror(errno));
}

void firewall_mode_tls(uint32_t generation)
{
    if (firewall_asking(generation) < 0)
        log_error("the kernel does not take whether TLS flows may begin: %s", strerror(errno));
}

void firewall_mode_close(void)
{
    if (firewall_closed() < 0)
        log_error("the kernel could not be closed: %s", errno == ENOENT ? "its rules are not loaded" : strerror(errno));
}
