#include "admit_moment.h"
#include "clock.h"

static unsigned remote_of(void *user, uint8_t service, const struct prefix **out)
{
    return charon_remote(user, service, out);
}

struct admit_now admit_moment(const struct session *session, struct charon *charon)
{
    struct msg_mode mode;
    session_mode(session, &mode);
    struct admit_now now = {.generation = mode.generation,
                            .services_up = mode.services_up,
                            .now_ms = clock_monotonic_ms(),
                            .remote = remote_of,
                            .user = charon,
                            .mode = (enum msg_mode_kind)mode.mode};
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++) {
        const struct session_service *v = &session->services[n];
        if (!v->up)
            continue;
        now.own[now.own_count++] = v->tunnel.vip4;
        now.own[now.own_count++] = v->tunnel.vip6;
    }
    return now;
}
