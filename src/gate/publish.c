#include "publish.h"
#include "clock.h"
#include "rules.h"
#include "state.h"

#define STATE_EVERY_MS 200 /* minimum interval */

void publish_state(struct publish *p)
{
    p->published_at = clock_monotonic_ms();
    p->changed = false;
    state_write(&p->view);
}

/* The file of rules changes with every answer, so it has a longer interval. */
static void publish_rules(struct publish *p)
{
    p->rules_at = clock_monotonic_ms();
    p->rules_admitted = p->view.admit->admitted;
    rules_write(&p->view);
}

void publish_all(struct publish *p)
{
    publish_state(p);
    publish_rules(p);
}

void publish_session_changed(struct publish *p)
{
    p->changed = true;
    p->rules_at = 0; /* with the next tick */
    if (clock_monotonic_ms() - p->published_at >= STATE_EVERY_MS)
        publish_state(p);
}

void publish_tick(struct publish *p, uint64_t now_ms)
{
    if (p->changed && now_ms - p->published_at >= STATE_EVERY_MS)
        publish_state(p);
    bool new_pairs = p->view.admit->admitted != p->rules_admitted;
    if (p->rules_at == 0 || (new_pairs && now_ms - p->rules_at >= RULES_EVERY_MS))
        publish_rules(p);
}
