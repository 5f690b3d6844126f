#include "admit_batch.h"
#include "admit_moment.h"
#include "firewall.h"
#include "log.h"

#include <errno.h>
#include <string.h>

static void open_one(struct admit_batch *b, const struct admit_now *now, const struct msg_admit *m)
{
    enum msg_verdict verdict = admit_open(b->admit, now, m, firewall_allow);
    if (verdict == ADMIT_KERNEL)
        log_error("the kernel did not take an address: %s", strerror(errno));
    b->done(b->user, m, verdict);
}

/*
 * Add `list`, the elements of m[0..answers). If the kernel refuses them together, each answer is tried alone, so that
 * one cannot affect the others.
 */
static void open_together(struct admit_batch *b, const struct admit_now *now, const struct msg_admit *m,
                          unsigned answers, const struct firewall_allow *list, const unsigned *counts)
{
    unsigned total = 0;
    for (unsigned i = 0; i < answers; i++)
        total += counts[i];
    bool taken = firewall_allow(list, total) == 0;
    for (unsigned i = 0; i < answers; i++) {
        if (taken) {
            admit_done(b->admit, now, &m[i], list, counts[i]);
            b->done(b->user, &m[i], ADMIT_OK);
        } else {
            open_one(b, now, &m[i]);
        }
        list += counts[i];
    }
}

void admit_batch_open(struct admit_batch *b)
{
    static struct firewall_allow list[FIREWALL_BATCH_MAX];
    static struct msg_admit good[ADMIT_BATCH_MAX];
    unsigned counts[ADMIT_BATCH_MAX], answers = 0, elements = 0;
    if (b->count == 0)
        return;
    struct admit_now now = admit_moment(b->session, b->charon);
    now.may = registry_may_open;
    now.learn = registry_learn_open;
    now.known = registry_knows;
    now.registry = b->registry;
    for (unsigned i = 0; i < b->count; i++) {
        const struct msg_admit *m = &b->waiting[i];
        if (elements + FIREWALL_ALLOW_MAX > FIREWALL_BATCH_MAX) {
            open_together(b, &now, good, answers, list, counts);
            answers = elements = 0;
        }
        enum msg_verdict verdict = admit_prepare(b->admit, &now, m, list + elements, &counts[answers]);
        if (verdict != ADMIT_OK) {
            b->done(b->user, m, verdict);
            continue;
        }
        elements += counts[answers];
        good[answers++] = *m;
    }
    if (answers > 0)
        open_together(b, &now, good, answers, list, counts);
    b->count = 0;
}

void admit_batch_add(struct admit_batch *b, const struct msg_admit *m)
{
    b->waiting[b->count++] = *m;
    if (b->count == ADMIT_BATCH_MAX)
        admit_batch_open(b);
}
