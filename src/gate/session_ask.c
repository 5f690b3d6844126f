/* Queries about the session, without changes. */
#include "session.h"

#include <string.h>

static const char *const state_names[SESSION_STATES] = {"starting", "idle", "raising", "up", "ending", "fault"};

const char *session_state_name(enum session_state state)
{
    return state_names[state];
}

const char *session_mode_word(const struct session *s)
{
    static const char *const words[] = {
        [MODE_CLOSED] = "closed", [MODE_INTERNET] = "internet", [MODE_SESSION] = "session", [MODE_BEFORE] = "before"};
    struct msg_mode mode = {0};
    if (s)
        session_mode(s, &mode);
    return words[mode.mode];
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
    /* In `fault` the kernel may still be in the previous mode; do not rely on it. */
    *out = (struct msg_mode){.mode = s->state == SESSION_FAULT ? MODE_CLOSED : (uint8_t)s->view.mode,
                             .services_up = session_services_up(s)};
    if (out->mode == MODE_SESSION || out->mode == MODE_BEFORE)
        out->generation = s->view.generation;
}

bool session_obstacle(const struct session *s, uint8_t number, struct cause *why)
{
    bool by_pc = s->services[number].by_pc;
    *why = (struct cause){0};
    if (!s->charon)
        cause_set(why, CAUSE_VPN_NOT_YET, NULL);
    else if (!by_pc && !s->credentials && s->refused.code)
        *why = s->refused;
    else if (!by_pc && !s->credentials)
        cause_set(why, CAUSE_NO_CERTIFICATE, NULL);
    else if (!s->wan)
        cause_set(why, CAUSE_LINE_DOWN, NULL);
    else if (s->state == SESSION_ENDING)
        cause_set(why, CAUSE_SESSION_ENDING, NULL);
    else if (s->state == SESSION_FAULT)
        *why = s->fault;
    return why->code != CAUSE_NONE;
}

bool session_must_wait(const struct session *s, const struct session_service *v)
{
    bool arriving = !s->charon || (!v->by_pc && !s->credentials);
    return s->state == SESSION_ENDING ||
           (arriving && s->state != SESSION_FAULT && s->ops->now(s->user) < s->grace_until);
}

bool session_any_ending(const struct session *s)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (s->services[n].ending)
            return true;
    return false;
}

bool session_lasts(const struct session *s)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (s->start == CONF_START_ALWAYS && s->services[n].up && !s->services[n].by_pc)
            return true;
    return false;
}

void session_asked_by(const struct session_service *v, struct cause *out)
{
    struct addr a;
    if (conf_parse_addr(v->client, &a))
        cause_set(out, CAUSE_ASKED_BY, v->client, v->name, NULL);
    else if (strcmp(v->client, SESSION_CONSOLE) == 0)
        cause_set(out, CAUSE_SESSION_BY_COMMAND, NULL);
    else
        cause_set(out, CAUSE_ASKED_BY_LAN, v->name, NULL);
}
