#include "blocked.h"

#include <string.h>

void blocked_init(struct blocked *b, uint64_t now, bool (*send)(void *user, const struct msg_blocked *m), void *user,
                  uint64_t *skipped)
{
    memset(b, 0, sizeof *b);
    b->send = send;
    b->user = user;
    b->tokens = BLOCKED_BURST * 1000;
    b->tokens_at = now;
    b->next = UINT64_MAX;
    b->skipped = skipped;
}

static bool same(const struct msg_blocked *a, const struct msg_blocked *b)
{
    return a->proto == b->proto && a->port == b->port && addr_equal(&a->client, &b->client) &&
           addr_equal(&a->server, &b->server) && strcmp(a->reason, b->reason) == 0;
}

/* gate acts on waiting PCs, so these are reported at shorter intervals. */
static uint64_t fold_ms(const struct msg_blocked *m)
{
    bool begins = strcmp(m->reason, "waiting") == 0 || strcmp(m->reason, "pc-begins") == 0;
    return begins ? BLOCKED_WAITING_MS : BLOCKED_FOLD_MS;
}

/* Report the accumulated count. Without a token, or while gate's socket is full, keep accumulating. */
static void tell(struct blocked *b, uint64_t now, struct blocked_entry *e)
{
    uint64_t passed = now - b->tokens_at < 60000 ? now - b->tokens_at : 60000;
    uint64_t tokens = b->tokens + passed * BLOCKED_RATE; /* messages per second = thousandths per millisecond */
    b->tokens = tokens > BLOCKED_BURST * 1000 ? BLOCKED_BURST * 1000 : (uint32_t)tokens;
    b->tokens_at = now;
    if (b->tokens >= 1000 && b->send(b->user, &e->m)) {
        b->tokens -= 1000;
        e->m.count = 0;
    }
    e->told_at = now;
    if (e->told_at + fold_ms(&e->m) < b->next)
        b->next = e->told_at + fold_ms(&e->m);
}

void blocked_packet(struct blocked *b, uint64_t now, const struct queued *q)
{
    struct packet p;
    struct msg_blocked m = {.count = 1};
    if (packet_head(q->data, q->len, &p)) {
        m.proto = p.proto;
        m.client = p.client;
        m.server = p.server;
        m.port = p.server_port;
    }
    strcpy(m.reason, q->reason);
    struct blocked_entry *spare = &b->entries[0];
    for (unsigned i = 0; i < BLOCKED_MAX; i++) {
        struct blocked_entry *e = &b->entries[i];
        if (e->told_at != 0 && same(&e->m, &m)) {
            if (e->m.count < UINT32_MAX)
                e->m.count++;
            return;
        }
        if (e->told_at < spare->told_at)
            spare = e;
    }
    if (spare->told_at != 0 && spare->m.count > 0) {
        tell(b, now, spare);
        *b->skipped += spare->m.count;
    }
    *spare = (struct blocked_entry){.m = m};
    tell(b, now, spare);
}

int blocked_wait(const struct blocked *b, uint64_t now)
{
    return b->next == UINT64_MAX ? -1 : b->next <= now ? 0 : (int)(b->next - now);
}

void blocked_due(struct blocked *b, uint64_t now)
{
    if (b->next > now)
        return;
    b->next = UINT64_MAX;
    for (unsigned i = 0; i < BLOCKED_MAX; i++) {
        struct blocked_entry *e = &b->entries[i];
        if (e->told_at == 0)
            continue;
        if (now - e->told_at >= fold_ms(&e->m)) {
            if (e->m.count == 0)
                e->told_at = 0;
            else
                tell(b, now, e);
        }
        if (e->told_at != 0 && e->told_at + fold_ms(&e->m) < b->next)
            b->next = e->told_at + fold_ms(&e->m);
    }
}
