#include "box_hubs.h"

unsigned box_hubs(const struct conf *conf, const struct session *session, struct addr out[BOX_HUBS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < conf->service_count; i++) {
        const struct conf_service *s = &conf->services[i];
        const struct addr *last = &session->services[s->number].tunnel.hub;
        if (s->by_pc)
            continue;
        if (conf_parse_addr(s->hub, &out[count]))
            count++;
        if (last->family)
            out[count++] = *last;
    }
    return count;
}

bool box_hubs_known(const struct conf *conf, const struct session *session, uint8_t service)
{
    struct addr literal;
    if (session->services[service].tunnel.hub.family)
        return true;
    for (unsigned i = 0; i < conf->service_count; i++)
        if (conf->services[i].number == service)
            return conf_parse_addr(conf->services[i].hub, &literal);
    return false;
}
