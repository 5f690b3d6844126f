/* What others ask of the session; nothing is changed here. */
#include "session.h"

static const char *const state_names[SESSION_STATES] = {"starting", "idle", "raising", "up", "ending", "fault"};

const char *session_state_name(enum session_state state)
{
    return state_names[state];
}

uint8_t session_services_up(const struct session *s)
{
    uint8_t mask = 0;
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (s->services[n].up)
            mask |= (uint8_t)(1u << (n - 1));
    return mask;
}

void session_mode(const struct session *s, struct msg_mode *out)
{
    /* In `fault` the kernel may still be in the mode before; nobody is to rely on that. */
    *out = (struct msg_mode){.mode = s->state == SESSION_FAULT ? MODE_CLOSED : (uint8_t)s->view.mode,
                             .services_up = session_services_up(s)};
    if (out->mode == MODE_SESSION)
        out->generation = s->view.generation;
}

const char *session_obstacle(const struct session *s)
{
    if (!s->charon)
        return "The IPsec service (charon) is not running yet.";
    if (!s->credentials && s->refused[0])
        return s->refused;
    if (!s->credentials)
        return "The box has no certificate yet; see the enrolment lines of the status.";
    if (!s->wan)
        return "The line is down: no cable or no address on the WAN side.";
    if (s->state == SESSION_ENDING)
        return "A session is just ending.";
    if (s->state == SESSION_FAULT)
        return s->fault;
    return NULL;
}
