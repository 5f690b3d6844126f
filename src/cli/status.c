/* `sekisho status` and `sekisho cert show`: the daemons' state files in plain words. */
#include "health.h"
#include "json.h"
#include "lib/reason.h"
#include "ops.h"
#include "text.h"
#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS_MAX 16

typedef void show_fn(const char *value, char *out, size_t size);

static void show_text(const char *value, char *out, size_t size)
{
    (void)text_escape(out, size, value, strlen(value));
}

static void show_time(const char *value, char *out, size_t size)
{
    char text[ZONE_TEXT_MAX];
    long long when = strtoll(value, NULL, 10);
    (void)snprintf(out, size, "%s", when > 0 ? zone_minute(when, text) : "");
}

/* A cause: copied as it is; show_rows translates it. */
static void show_cause(const char *value, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", value);
}

/* A word of a state file: copied as it is; show_rows translates it. */
static void show_word(const char *value, char *out, size_t size)
{
    show_text(value, out, size);
}

/* The Japanese for a word of this key. NULL: unknown word. */
static const char *word_ja(const char *key, const char *word)
{
    static const struct {
        const char *key, *word, *ja;
    } words[] = {
        {"mode", "closed", "閉鎖"},
        {"mode", "internet", "インターネット可"},
        {"mode", "session", "許可された相手のみ"},
        {"mode", "before", "閉鎖(接続前に使える回線経由の名前を除く)"},
        {"session", "starting", "起動中"},
        {"session", "idle", "待機中"},
        {"session", "raising", "接続準備中"},
        {"session", "up", "接続中"},
        {"session", "ending", "終了中"},
        {"session", "fault", "異常"},
        {"tunnel", "up", "接続"},
        {"tunnel", "down", "切断"},
        {"tunnel", "pc", "PC自身のトンネル"},
        {"link", "up", "接続"},
        {"link", "down", "切断"},
        {"phase", "none", "なし"},
        {"phase", "enrolling", "取得中"},
        {"phase", "waiting", "待機"},
        {"phase", "valid", "有効"},
        {"phase", "renewing", "更新中"},
        {"phase", "alarm", "要対応"},
        {"trusted", "yes", "はい"},
        {"trusted", "no", "いいえ"},
        {"loaded", "yes", "はい"},
        {"loaded", "no", "いいえ"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].key, key) == 0 && strcmp(words[i].word, word) == 0)
            return words[i].ja;
    return NULL;
}

/* The details under the headline: one row per value; a row without a value is left out. */
static const struct row {
    const char *en, *ja;
    enum health_file file;
    const char *key;
    show_fn *show;
} rows[] = {
    {"Service", "サービス", HEALTH_GATE, "service", show_text},
    {"Mode of the LAN", "LANの状態", HEALTH_GATE, "mode", show_word},
    {"Session", "接続", HEALTH_GATE, "session", show_word},
    {"Since", "この状態になった時刻", HEALTH_GATE, "since", show_time},
    {"Tunnel", "トンネル", HEALTH_GATE, "tunnel", show_word},
    {"Hub", "接続先", HEALTH_GATE, "hub", show_text},
    {"Tunnel of the PC's own for", "PC自身がトンネルを張るサービス", HEALTH_GATE, "pc-tunnel", show_text},
    {"Address in the tunnel", "トンネル内アドレス", HEALTH_GATE, "vip", show_text},
    {"Listed names on the line, not in the tunnel", "回線経由で許可された名前(トンネル外)", HEALTH_GATE, "line-names",
     show_text},
    {"Names refused", "拒否した名前", HEALTH_GATE, "blocked.dns", show_text},
    {"TLS connections agreed to", "許可したTLS接続", HEALTH_GATE, "agreed", show_text},
    {"TLS connections refused", "拒否したTLS接続", HEALTH_GATE, "blocked.tls", show_text},
    {"Packets refused", "遮断したパケット", HEALTH_GATE, "blocked.forward", show_text},
    {"Last session ended", "前回の終了理由", HEALTH_GATE, "last-end", show_cause},
    {"Certificate", "証明書", HEALTH_ENROLL, "phase", show_word},
    {"Certificate until", "証明書の期限", HEALTH_ENROLL, "not-after", show_time},
    {"Line", "回線", HEALTH_WAN, "link", show_word},
    {"Address on the line", "回線側アドレス", HEALTH_WAN, "address", show_text},
    {"Largest packet of the line", "回線のMTU", HEALTH_WAN, "mtu", show_text},
    {"Time confirmed", "時刻の確認", HEALTH_CLOCK, "trusted", show_word},
};

static const struct row cert_rows[] = {
    {"State", "状態", HEALTH_ENROLL, "phase", show_word},
    {"Subject", "名前", HEALTH_ENROLL, "subject", show_text},
    {"Issuer", "発行者", HEALTH_ENROLL, "issuer", show_text},
    {"Serial number", "シリアル番号", HEALTH_ENROLL, "serial", show_text},
    {"Valid from", "開始", HEALTH_ENROLL, "not-before", show_time},
    {"Valid until", "期限", HEALTH_ENROLL, "not-after", show_time},
    {"Renewal at", "更新予定", HEALTH_ENROLL, "renew-at", show_time},
    {"Loaded into the VPN", "VPNで使用", HEALTH_ENROLL, "loaded", show_word},
    {"Server", "証明書サーバ", HEALTH_ENROLL, "server", show_text},
    {"Trouble", "問題", HEALTH_ENROLL, "cause", show_cause},
    {"Next try", "次の試み", HEALTH_ENROLL, "next-try", show_time},
};

static void show_rows(const struct health *h, const struct row *row, size_t count, enum ops_lang lang)
{
    for (; count > 0; count--, row++) {
        char value[CAUSE_TEXT_MAX], ja[CAUSE_TEXT_MAX];
        struct cause cause;
        row->show(health_get(h, row->file, row->key), value, sizeof value);
        if (value[0] == '\0')
            continue;
        const char *word = row->show == show_word ? word_ja(row->key, value) : NULL;
        bool two = row->show == show_cause || word;
        if (word) {
            (void)snprintf(ja, sizeof ja, "%s", word);
        } else if (two) {
            (void)health_cause(value, &cause);
            (void)cause_text(&cause, CAUSE_EN, CAUSE_WRONG, value);
            (void)cause_text(&cause, CAUSE_JA, CAUSE_WRONG, ja);
        }
        if (lang == LANG_BOTH)
            (void)printf("  %s / %s: %s%s%s\n", row->en, row->ja, value, two ? " / " : "", two ? ja : "");
        else
            (void)printf("  %s: %s\n", lang == LANG_JA ? row->ja : row->en, two && lang == LANG_JA ? ja : value);
    }
}

/* Print the English line with the Japanese one below it, or one of the two. */
static void show_pair(enum ops_lang lang, const char *prefix, const char *en, const char *ja)
{
    if (lang != LANG_JA)
        (void)printf("%s%s\n", prefix, en);
    if (lang != LANG_EN)
        (void)printf("%s%s\n", prefix, ja);
}

/* ---- the most frequent reasons ---- */

#define TOP 3

struct top {
    const struct reason *reason;
    uint64_t count;
};

/* The most frequent reasons for refusals, in descending order. Returns their number. */
static size_t top_reasons(const struct health *h, struct top top[TOP])
{
    static const char *const kinds[REASON_KINDS] = {[REASON_DNS] = "dns.", [REASON_TLS] = "tls.", [REASON_PACKET] = ""};
    const struct reason *r;
    size_t n = 0;
    for (size_t i = 0; (r = reason_at(i)) != NULL; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "blocked.%s%s", kinds[r->kind], r->word);
        uint64_t count = strtoull(health_get(h, HEALTH_GATE, key), NULL, 10);
        size_t at = n;
        while (at > 0 && top[at - 1].count < count)
            at--;
        if (count == 0 || at == TOP)
            continue;
        n += n < TOP;
        memmove(&top[at + 1], &top[at], (n - at - 1) * sizeof top[0]);
        top[at] = (struct top){r, count};
    }
    return n;
}

static void show_top(const struct health *h, enum ops_lang lang)
{
    struct top top[TOP];
    size_t n = top_reasons(h, top);
    if (n > 0)
        show_pair(lang, "  ", "Refused most often (more: `log blocked`):", "多い遮断理由(詳細は `log blocked`):");
    for (size_t i = 0; i < n; i++) {
        char en[192], ja[192];
        (void)snprintf(en, sizeof en, "%llu: %s", (unsigned long long)top[i].count, top[i].reason->en);
        (void)snprintf(ja, sizeof ja, "%llu:%s", (unsigned long long)top[i].count, top[i].reason->ja);
        show_pair(lang, "    ", en, ja);
    }
}

static void show_problem(const struct health_problem *p, enum ops_lang lang, const char *prefix)
{
    char en[2 * CAUSE_TEXT_MAX], ja[2 * CAUSE_TEXT_MAX];
    show_pair(lang, prefix, health_sentence(p, CAUSE_EN, en, sizeof en), health_sentence(p, CAUSE_JA, ja, sizeof ja));
    (void)health_action(p, CAUSE_EN, en);
    if (en[0])
        show_pair(lang, "  -> ", en, health_action(p, CAUSE_JA, ja));
}

/* Keys with numeric values; all others are text, even if the value looks like a number (a serial number). */
static bool is_number(const char *key, const char *value)
{
    static const char *const keys[] = {"version", "generation", "number", "admitted", "limited",
                                       "written", "requests",   "asked",  "agreed"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0 || strncmp(key, "blocked.", 8) == 0)
            return value[0] && strlen(value) < 20 && value[strspn(value, "0123456789")] == '\0';
    return false;
}

/* Keys whose values are times, in seconds since 1970. */
static bool is_time(const char *key, const char *value)
{
    static const char *const keys[] = {"since", "not-before", "not-after", "renew-at", "next-try", "requests-since"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return value[0] && strlen(value) < 18 && value[strspn(value, "0123456789")] == '\0';
    return false;
}

/* Keys whose values are causes; returns the key in JSON. A program's `cause` has always been called `fault` there. */
static const char *cause_key(const char *key)
{
    static const char *const keys[] = {"reason", "last-end", "refused", "crowded"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return keys[i];
    return strcmp(key, "cause") == 0 ? "fault" : NULL;
}

/* `KEY`: the sentence, `KEY_ja`, and the cause itself: `cause`, or `KEY-cause`. */
static void json_said(struct json *j, const char *key, const char *value)
{
    bool fault = strcmp(key, "fault") == 0;
    const char *(*words)(const struct cause *, enum cause_lang, enum cause_part, char[]) =
        fault ? cause_sentence : cause_text;
    char text[CAUSE_TEXT_MAX] = "", name[64];
    struct cause cause;
    (void)health_cause(value, &cause);
    json_text(j, key, words(&cause, CAUSE_EN, CAUSE_WRONG, text));
    (void)snprintf(name, sizeof name, "%s_ja", key);
    json_text(j, name, words(&cause, CAUSE_JA, CAUSE_WRONG, text));
    (void)snprintf(name, sizeof name, "%s-cause", key);
    json_cause(j, fault ? "cause" : name, &cause);
}

/* All keys of a state file, unchanged except for times and causes. Of repeated causes only the first. */
static void json_file(struct json *j, const struct health *h, enum health_file file)
{
    bool told = false;
    json_open(j, health_name(file), '{');
    for (const char *line = h->has[file] ? h->text[file] : ""; *line;) {
        char key[64], value[512];
        size_t len = strcspn(line, "\n"), key_len = strcspn(line, " \n");
        if (key_len < sizeof key && len > key_len) {
            (void)snprintf(key, sizeof key, "%.*s", (int)key_len, line);
            (void)snprintf(value, sizeof value, "%.*s", (int)(len - key_len - 1), line + key_len + 1);
            bool again = told && strcmp(key, "cause") == 0;
            told = told || strcmp(key, "cause") == 0;
            if (cause_key(key) && !again)
                json_said(j, cause_key(key), value);
            else if (is_time(key, value))
                json_time(j, key, strtoll(value, NULL, 10));
            else if (is_number(key, value))
                json_number(j, key, strtoull(value, NULL, 10));
            else if (!again)
                json_text(j, key, value);
        }
        line += len + (line[len] == '\n');
    }
    json_close(j, '}');
}

static void json_problem(struct json *j, const char *key, const struct health_problem *p)
{
    char text[2 * CAUSE_TEXT_MAX];
    json_open(j, key, '{');
    json_text(j, "id", cause_word(p->code));
    json_bool(j, "trouble", health_trouble(p));
    json_text(j, "severity", cause_severity_word(p->code));
    if (cause_follows(p->code) != CAUSE_NONE)
        json_text(j, "follows", cause_word(cause_follows(p->code)));
    json_text(j, "text", health_sentence(p, CAUSE_EN, text, sizeof text));
    json_text(j, "text_ja", health_sentence(p, CAUSE_JA, text, sizeof text));
    if (p->detail.code != CAUSE_NONE)
        json_cause(j, "cause", &p->detail);
    if (*health_action(p, CAUSE_EN, text)) {
        json_text(j, "action", text);
        json_text(j, "action_ja", health_action(p, CAUSE_JA, text));
    }
    json_close(j, '}');
}

int op_status(const struct ops_args *args)
{
    static struct health h;
    static struct health_problem problems[PROBLEMS_MAX], headline;
    health_probe(&h, args->root);
    health_read(&h, args->root);
    health_headline(&h, &headline);
    size_t count = health_problems(&h, problems, PROBLEMS_MAX);
    bool trouble = health_trouble(&headline);
    for (size_t i = 0; i < count; i++)
        trouble = trouble || health_trouble(&problems[i]);
    int result = trouble ? EXIT_WRONG : EXIT_GOOD;
    if (args->json) {
        struct json j = {0};
        json_open(&j, NULL, '{');
        json_number(&j, "version", 1);
        json_time(&j, "now", (int64_t)h.now);
        json_bool(&j, "ok", !trouble);
        json_problem(&j, "headline", &headline);
        json_open(&j, "problems", '[');
        for (size_t i = 0; i < count; i++)
            json_problem(&j, NULL, &problems[i]);
        json_close(&j, ']');
        for (int f = 0; f < HEALTH_FILES; f++)
            json_file(&j, &h, (enum health_file)f);
        json_close(&j, '}');
        json_end();
        return result;
    }
    show_problem(&headline, args->lang, "");
    show_rows(&h, rows, sizeof rows / sizeof rows[0], args->lang);
    show_top(&h, args->lang);
    if (count > 0)
        show_pair(args->lang, "", "Not as it should be:", "問題:");
    for (size_t i = 0; i < count; i++)
        show_problem(&problems[i], args->lang, "* ");
    return result;
}

int op_cert_show(const struct ops_args *args)
{
    static struct health h;
    health_probe(&h, args->root);
    health_read(&h, args->root);
    if (!h.has[HEALTH_ENROLL])
        return ops_answer(args, EXIT_USAGE, "The certificate program is not running.",
                          "証明書のプログラムが動いていません。");
    if (args->json) {
        struct json j = {0};
        json_open(&j, NULL, '{');
        json_file(&j, &h, HEALTH_ENROLL);
        json_close(&j, '}');
        json_end();
    } else {
        show_rows(&h, cert_rows, sizeof cert_rows / sizeof cert_rows[0], args->lang);
    }
    return EXIT_GOOD;
}
