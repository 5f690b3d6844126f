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
    return (struct admit_now){.generation = mode.generation,
                              .services_up = mode.services_up,
                              .now_ms = clock_monotonic_ms(),
                              .remote = remote_of,
                              .user = charon};
}
