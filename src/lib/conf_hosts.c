/* conf.h: which host may use which service. */
#include "conf.h"

#include <string.h>

const struct conf_host *conf_host_at(const struct conf_site *site, const struct addr *addr)
{
    for (unsigned i = 0; i < site->host_count; i++)
        if (addr_equal(&site->hosts[i].addr, addr))
            return &site->hosts[i];
    return NULL;
}

bool conf_allows(const char *allowed, const char *service)
{
    return strcmp(allowed, "all") == 0 || strcmp(allowed, service) == 0;
}

uint8_t conf_host_may(const struct conf *conf, const struct conf_host *host)
{
    uint8_t services = 0;
    for (unsigned i = 0; i < conf->service_count; i++)
        if (conf_allows(host ? host->service : conf->site.others, conf->services[i].name))
            services |= (uint8_t)(1u << (conf->services[i].number - 1));
    return services;
}
