/* `sekisho rules`: what is allowed now, from RUN/gate/rules (format in gate/rules.h), as a page for people. */
#include "conf.h"
#include "json.h"
#include "ops.h"
#include "state_file.h"
#include "sandbox.h"
#include "text.h"
#include "zone.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE_MAX (160 * 1024)
#define OPEN_MAX 4096

struct service {
    unsigned number;
    bool up;
    bool by_pc; /* the tunnel is the PC's own: hub is "pc" */
    char name[CONF_NAME_MAX], hub[INET6_ADDRSTRLEN], title[CONF_TEXT_MAX];
};

struct host {
    char addr[INET6_ADDRSTRLEN], mac[18], service[CONF_NAME_MAX];
};

struct open {
    unsigned service;
    long long until;
    char name[CONF_FQDN_MAX], addr[INET6_ADDRSTRLEN], ports[128], way[8];
};

static struct page {
    char mode[16], others[CONF_NAME_MAX];
    long long written;
    unsigned service_count, host_count, open_count, more;
    struct service services[CONF_SERVICES_MAX];
    struct host hosts[CONF_HOSTS_MAX];
    struct open opens[OPEN_MAX];
} page;

static void take_line(char *line)
{
    struct service s = {0};
    struct host h;
    char word[8];
    int at = 0;
    if (sscanf(line, "service %u %7s %31s %45s %n", &s.number, word, s.name, s.hub, &at) == 4 && at > 0 &&
        page.service_count < CONF_SERVICES_MAX) {
        s.up = strcmp(word, "up") == 0;
        s.by_pc = strcmp(s.hub, "pc") == 0;
        (void)snprintf(s.title, sizeof s.title, "%s", line + at);
        page.services[page.service_count++] = s;
    } else if (sscanf(line, "host %45s %17s %31s", h.addr, h.mac, h.service) == 3 && page.host_count < CONF_HOSTS_MAX) {
        page.hosts[page.host_count++] = h;
    } else if (strncmp(line, "open ", 5) == 0) {
        struct open *o = &page.opens[page.open_count];
        if (page.open_count == OPEN_MAX)
            page.more++;
        else if (sscanf(line, "open %u %253s %45s %lld %127s %7s", &o->service, o->name, o->addr, &o->until, o->ports,
                        o->way) == 6 &&
                 o->until > (long long)time(NULL)) /* leave out what has expired since the file was written */
            page.open_count++;
    }
}

static int by_name(const void *x, const void *y)
{
    const struct open *a = x, *b = y;
    if (a->service != b->service)
        return a->service < b->service ? -1 : 1;
    int ways = strcmp(b->way, a->way); /* the tunnel first */
    if (ways)
        return ways;
    int names = strcmp(a->name, b->name);
    return names ? names : strcmp(a->addr, b->addr);
}

static bool read_page(const char *root)
{
    static char text[PAGE_MAX];
    char path[PATH_MAX], value[32];
    (void)snprintf(path, sizeof path, "%s/run/sekisho/gate/rules", root);
    if (state_file_read(path, UID_GATE, text, sizeof text) < 0)
        return false;
    text_plain(text, strlen(text));
    (void)state_file_get(text, "mode", page.mode, sizeof page.mode);
    (void)state_file_get(text, "others", page.others, sizeof page.others);
    if (state_file_get(text, "written", value, sizeof value))
        page.written = strtoll(value, NULL, 10);
    if (state_file_get(text, "more", value, sizeof value))
        page.more = (unsigned)strtoul(value, NULL, 10);
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        take_line(line);
    }
    qsort(page.opens, page.open_count, sizeof page.opens[0], by_name);
    return page.mode[0] != '\0';
}

/* Print a sentence in the requested language, or in both. */
static void say(enum ops_lang lang, const char *indent, const char *en, const char *ja)
{
    if (lang != LANG_JA)
        (void)printf("%s%s\n", indent, en);
    if (lang != LANG_EN)
        (void)printf("%s%s\n", indent, ja);
}

/* Who may use a service: "Only 192.168.77.20" or "all PCs but ...". */
static void say_whom(const struct service *s, enum ops_lang lang)
{
    bool others = conf_allows(page.others, s->name);
    unsigned named = 0;
    for (unsigned i = 0; i < page.host_count; i++)
        named += conf_allows(page.hosts[i].service, s->name) != others;
    if (others)
        say(lang, "  ", named ? "For all PCs but these:" : "For all PCs.",
            named ? "次のPC以外のすべて:" : "すべてのPCが対象");
    else
        say(lang, "  ", named ? "For these PCs only:" : "For no PC.",
            named ? "次のPCだけが対象:" : "使えるPCはありません");
    for (unsigned i = 0; i < page.host_count; i++) {
        const struct host *h = &page.hosts[i];
        if (conf_allows(h->service, s->name) != others)
            (void)printf("    %s (%s)\n", h->addr, h->mac);
    }
}

/* `tcp/443+tls,udp/123` as "tcp/443 (TLS, the name is checked), udp/123". */
static void put_ports(const char *ports, enum ops_lang lang)
{
    for (const char *at = ports; *at;) {
        size_t len = strcspn(at, ",+");
        (void)printf("%s%.*s", at == ports ? "" : ", ", (int)len, at);
        at += len;
        if (strncmp(at, "+tls", 4) == 0) {
            (void)printf("%s", lang == LANG_JA ? " (TLS、名前を照合)" : " (TLS, the name is checked)");
            at += 4;
        }
        at += *at == ',';
    }
}

static void put_open(const struct open *o, bool first, enum ops_lang lang)
{
    char clock[ZONE_TEXT_MAX];
    (void)zone_second(o->until, clock);
    if (first) {
        (void)printf("  %s  ", o->name);
        put_ports(o->ports, lang);
        (void)printf("\n");
    }
    if (lang == LANG_JA)
        (void)printf("    %-39s %s まで(あと %lld 秒)\n", o->addr, clock, o->until - (long long)time(NULL));
    else
        (void)printf("    %-39s until %s (%lld s)\n", o->addr, clock, o->until - (long long)time(NULL));
}

static bool on_line(const struct open *o)
{
    return strcmp(o->way, "line") == 0;
}

/* What is open of a service on one way. Returns how many. */
static unsigned show_opens(const struct service *s, bool line, enum ops_lang lang)
{
    const char *last = "";
    unsigned shown = 0;
    for (unsigned i = 0; i < page.open_count; i++) {
        const struct open *o = &page.opens[i];
        if (o->service != s->number || on_line(o) != line)
            continue;
        if (line && shown == 0)
            say(lang, "  ", "On the line, not through the tunnel:", "回線経由(トンネルを通りません):");
        put_open(o, strcmp(last, o->name) != 0, lang);
        last = o->name;
        shown++;
    }
    return shown;
}

static void say_nothing_open(enum ops_lang lang)
{
    say(lang, "  ", "No name has been asked for yet: nothing is open.",
        "まだ名前の問い合わせがなく、何も開いていません。");
}

/* What goes through the tunnel, and what of the service goes on the line. */
static void show_up(const struct service *s, enum ops_lang lang)
{
    char en[256], ja[256];
    (void)snprintf(en, sizeof en, "Only through the tunnel `%s` to the hub %s:", s->name, s->hub);
    (void)snprintf(ja, sizeof ja, "トンネル「%s」(接続先 %s)だけを通ります:", s->name, s->hub);
    if (s->by_pc)
        say(lang, "  ", "Its tunnel is the PC's own: on the line its hub can be reached, and nothing else of it.",
            "PC自身がトンネルを張ります。回線側では、その接続先とだけ通信できます。");
    else
        say(lang, "  ", en, ja);
    say_whom(s, lang);
    unsigned shown = show_opens(s, false, lang);
    shown += show_opens(s, true, lang);
    if (shown == 0)
        say_nothing_open(lang);
}

static void show_service(const struct service *s, enum ops_lang lang)
{
    (void)printf("\n%s\n", s->title);
    if (s->up) {
        show_up(s, lang);
        return;
    }
    if (s->by_pc)
        say(lang, "  ", "Its tunnel is the PC's own, and its session is not on: nothing of it can be reached.",
            "PC自身がトンネルを張るサービスです。接続していないため、通信できません。");
    else
        say(lang, "  ", "Its tunnel is down: nothing of it can be reached.", "トンネルは切れています(通信できません)");
    (void)show_opens(s, true, lang);
}

/* No session. */
static void show_before(enum ops_lang lang)
{
    say(lang, "", "No session. Closed, but for the names on the line that are open before a session.",
        "接続していません。接続前に使える回線経由の名前のほかは、すべて遮断します。");
    for (unsigned i = 0; i < page.service_count; i++) {
        (void)printf("\n%s\n", page.services[i].title);
        if (show_opens(&page.services[i], true, lang) == 0)
            say_nothing_open(lang);
    }
}

static void show(enum ops_lang lang)
{
    if (strcmp(page.mode, "before") == 0) {
        show_before(lang);
        return;
    }
    if (strcmp(page.mode, "session") != 0) {
        if (strcmp(page.mode, "internet") == 0)
            say(lang, "", "No session: PCs may use the internet, but nothing that belongs to a registry.",
                "接続していません。PCは通常のインターネットを使えますが、登録システムへは通信できません。");
        else
            say(lang, "", "Closed: nothing passes between the PCs and the line.",
                "遮断中です。PCと回線の間は何も通りません。");
        return;
    }
    say(lang, "", "A session is on. Allowed is what stands here; all else is refused.",
        "接続中です。ここに示すもの以外はすべて遮断します。");
    for (unsigned i = 0; i < page.service_count; i++)
        show_service(&page.services[i], lang);
    if (page.more > 0)
        (void)printf("\n... + %u\n", page.more);
}

static void json_service(struct json *j, const struct service *s)
{
    json_open(j, NULL, '{');
    json_number(j, "number", s->number);
    json_text(j, "name", s->name);
    json_text(j, "title", s->title);
    json_bool(j, "up", s->up);
    json_text(j, "tunnel", s->by_pc ? "pc" : "box");
    json_text(j, "hub", s->by_pc ? "-" : s->hub);
    json_bool(j, "others", conf_allows(page.others, s->name));
    json_open(j, "hosts", '[');
    for (unsigned i = 0; i < page.host_count; i++)
        if (conf_allows(page.hosts[i].service, s->name))
            json_text(j, NULL, page.hosts[i].addr);
    json_close(j, ']');
    json_open(j, "open", '[');
    for (unsigned i = 0; i < page.open_count; i++) {
        const struct open *o = &page.opens[i];
        if (o->service != s->number)
            continue;
        json_open(j, NULL, '{');
        json_text(j, "name", o->name);
        json_text(j, "address", o->addr);
        json_text(j, "ports", o->ports);
        json_text(j, "way", o->way);
        json_time(j, "until", o->until);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void show_json(void)
{
    struct json j = {0};
    json_open(&j, NULL, '{');
    json_number(&j, "version", 1);
    json_time(&j, "written", page.written);
    json_text(&j, "mode", page.mode);
    json_text(&j, "others", page.others);
    json_number(&j, "more", page.more);
    json_open(&j, "hosts", '[');
    for (unsigned i = 0; i < page.host_count; i++) {
        json_open(&j, NULL, '{');
        json_text(&j, "address", page.hosts[i].addr);
        json_text(&j, "mac", page.hosts[i].mac);
        json_text(&j, "service", page.hosts[i].service);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_open(&j, "services", '[');
    for (unsigned i = 0; i < page.service_count; i++)
        json_service(&j, &page.services[i]);
    json_close(&j, ']');
    json_close(&j, '}');
    json_end();
}

int op_rules(const struct ops_args *args)
{
    if (!read_page(args->root)) {
        return ops_answer(args, EXIT_USAGE, "The gate is not running; without it nothing passes.",
                          "ゲートのプログラムが動いていません。動くまで何も通りません。");
    }
    if (args->json)
        show_json();
    else
        show(args->lang);
    return EXIT_GOOD;
}
