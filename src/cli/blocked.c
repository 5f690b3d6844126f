/* `sekisho log blocked`: recent refusals from the audit log in words: who, what, why. */
#include "json.h"
#include "lib/reason.h"
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 512 /* more than any value in the log: a name of 253 octets, some of them escaped */

/* One refusal in the audit log. */
struct refusal {
    char time[ZONE_TEXT_MAX];
    const struct reason *reason;
    char client[VALUE_MAX], name[VALUE_MAX], at[VALUE_MAX], server[VALUE_MAX], proto[VALUE_MAX], port[VALUE_MAX];
    char via[VALUE_MAX]; /* `line`, `tunnel`: how what was asked for is reached; "": it is not listed */
    unsigned long times, unlogged;
};

/* The value of ` key=` in the details; "" if it is missing or "-". */
static void value_of(const char *details, const char *key, char out[VALUE_MAX])
{
    char word[32];
    int n = snprintf(word, sizeof word, " %s=", key);
    const char *at = strstr(details, word);
    out[0] = '\0';
    if (!at)
        return;
    at += n;
    size_t len = strcspn(at, " ");
    if (len == 1 && at[0] == '-')
        return;
    if (len >= VALUE_MAX)
        len = VALUE_MAX - 1;
    memcpy(out, at, len);
    out[len] = '\0';
    for (char *c = out; *c; c++) /* names are ASCII: replace look-alike characters */
        if ((unsigned char)*c >= 0x7f)
            *c = '?';
}

/* Parse `TIME NUMBER PROGRAM EVENT DETAILS`. False: not a refusal by gate. */
static bool parse(const char *line, struct refusal *r)
{
    static const struct {
        const char *event, *why;
    } events[REASON_KINDS] = {[REASON_DNS] = {"dns.refused", "why"},
                              [REASON_TLS] = {"tls.refused", "why"},
                              [REASON_PACKET] = {"blocked", "reason"}};
    char event[32], program[32], word[VALUE_MAX];
    int details = 0;
    memset(r, 0, sizeof *r);
    line = log_time(line, r->time);
    if (sscanf(line, "%*s %31s %31s%n", program, event, &details) != 2 || strcmp(program, "gate") != 0)
        return false;
    for (int k = 0; k < REASON_KINDS; k++) {
        if (strcmp(event, events[k].event) != 0)
            continue;
        value_of(line + details, events[k].why, word);
        r->reason = reason_find((enum reason_kind)k, word);
    }
    if (!r->reason)
        return false;
    value_of(line + details, "client", r->client);
    value_of(line + details, "name", r->name);
    value_of(line + details, "at", r->at);
    value_of(line + details, "server", r->server);
    value_of(line + details, "proto", r->proto);
    value_of(line + details, "port", r->port);
    value_of(line + details, "via", r->via);
    value_of(line + details, "count", word);
    r->times = word[0] ? strtoul(word, NULL, 10) : 1;
    value_of(line + details, "not-logged", word);
    r->unlogged = strtoul(word, NULL, 10);
    return true;
}

/* The target: a name, or a server with port, by its name if it is known. */
static void target(const struct refusal *r, char *out, size_t size)
{
    const char *host = r->name[0] ? r->name : r->at[0] ? r->at : r->server[0] ? r->server : "?";
    const char *proto = r->reason->kind == REASON_TLS ? "TLS" : r->proto;
    bool port = r->port[0] && strcmp(r->port, "0") != 0;
    if (r->reason->kind == REASON_DNS)
        (void)snprintf(out, size, "DNS %s", r->name[0] ? r->name : "?");
    else
        (void)snprintf(out, size, "%s %s%s%s", proto, host, port ? ":" : "", port ? r->port : "");
    /* Show the address with its name, if both are known: tomorrow the name may have another address. */
    size_t len = strlen(out);
    if (r->server[0] && strcmp(host, r->server) != 0 && len < size)
        (void)snprintf(out + len, size - len, " (%s)", r->server);
}

static const char *way(const struct refusal *r, bool ja)
{
    if (strcmp(r->via, "line") == 0)
        return ja ? " [回線経由]" : " [on the line]";
    if (strcmp(r->via, "tunnel") == 0)
        return ja ? " [トンネル経由]" : " [through the tunnel]";
    return "";
}

static void print_words(const struct refusal *r, enum ops_lang lang)
{
    char what[3 * VALUE_MAX], times[32] = "", times_ja[32] = "";
    const char *client = r->client[0] ? r->client : "?";
    target(r, what, sizeof what);
    if (r->times > 1) {
        (void)snprintf(times, sizeof times, " (%lu times)", r->times);
        (void)snprintf(times_ja, sizeof times_ja, "(%lu回)", r->times);
    }
    if (lang != LANG_JA)
        (void)printf("%s %s -> %s%s: %s%s\n", r->time, client, what, way(r, false), r->reason->en, times);
    if (lang != LANG_EN)
        (void)printf("%*s %s → %s%s:%s%s\n", (int)strlen(r->time), lang == LANG_BOTH ? "" : r->time, client, what,
                     way(r, true), r->reason->ja, times_ja);
    if (r->unlogged > 0 && lang != LANG_JA)
        (void)printf("  (%lu more for the same reason were not written)\n", r->unlogged);
    if (r->unlogged > 0 && lang != LANG_EN)
        (void)printf("  (同じ理由の記録をほかに%lu件省きました)\n", r->unlogged);
}

static void print_json(struct json *j, const struct refusal *r)
{
    static const char *const kinds[REASON_KINDS] = {"dns", "tls", "packet"};
    json_open(j, NULL, '{');
    json_text(j, "time", r->time);
    json_text(j, "kind", kinds[r->reason->kind]);
    json_text(j, "reason", r->reason->word);
    const struct {
        const char *key, *value;
    } texts[] = {{"client", r->client}, {"name", r->name}, {"at", r->at},  {"server", r->server},
                 {"proto", r->proto},   {"port", r->port}, {"via", r->via}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value[0])
            json_text(j, texts[i].key, texts[i].value);
    json_number(j, "times", r->times);
    json_number(j, "not_logged", r->unlogged);
    json_text(j, "text", r->reason->en);
    json_text(j, "text_ja", r->reason->ja);
    json_close(j, '}');
}

static unsigned count_refusals(const struct log *log)
{
    struct refusal r;
    unsigned count = 0;
    for (const char *line = NULL; (line = log_next(log, line)) != NULL;)
        count += parse(line, &r);
    return count;
}

int op_log_blocked(const struct ops_args *args)
{
    struct log log;
    struct refusal r;
    if (!log_open(args, &log))
        return EXIT_USAGE;
    unsigned count = count_refusals(&log), seen = 0;
    if (count == 0 && !args->json)
        return ops_answer(args, EXIT_GOOD, "Nothing was refused as far as the audit log goes back.",
                          "監査記録の範囲では、遮断はありません。");
    struct json j = {0};
    if (args->json)
        json_open(&j, NULL, '[');
    for (const char *line = NULL; (line = log_next(&log, line)) != NULL;) {
        if (!parse(line, &r) || ++seen + args->lines <= count)
            continue;
        if (args->json)
            print_json(&j, &r);
        else
            print_words(&r, args->lang);
    }
    if (args->json) {
        json_close(&j, ']');
        json_end();
    }
    return EXIT_GOOD;
}
