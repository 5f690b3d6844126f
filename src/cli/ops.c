#include "ops.h"
#include "conf_parse.h"
#include "zone.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool flag_json(struct ops_args *a, const char *value)
{
    (void)value;
    return a->json = true;
}

static bool flag_site(struct ops_args *a, const char *value)
{
    (void)value;
    a->site = true;
    return !a->service;
}

static bool flag_service(struct ops_args *a, const char *value)
{
    (void)value;
    a->service = true;
    return !a->site;
}

static bool flag_export(struct ops_args *a, const char *value)
{
    (void)value;
    return a->export = true;
}

static bool flag_dump(struct ops_args *a, const char *value)
{
    (void)value;
    return a->dump = true;
}

static bool flag_cause(struct ops_args *a, const char *value)
{
    (void)value;
    return a->cause = true;
}

static bool value_lang(struct ops_args *a, const char *value)
{
    a->lang = strcmp(value, "ja") == 0 ? LANG_JA : LANG_EN;
    return strcmp(value, "ja") == 0 || strcmp(value, "en") == 0;
}

static bool value_lines(struct ops_args *a, const char *value)
{
    uint32_t n;
    if (!conf_parse_number(value, 1, 100000, &n))
        return false;
    a->lines = n;
    return true;
}

static bool value_services(struct ops_args *a, const char *value)
{
    a->services = value;
    return true;
}

static bool value_tty(struct ops_args *a, const char *value)
{
    a->tty = value;
    return true;
}

static const struct option {
    const char *text;
    unsigned needs;    /* bit in the command's options */
    const char *value; /* placeholder of its value in the usage text; NULL: no value */
    bool (*take)(struct ops_args *a, const char *value);
} options[] = {
    {"--site", OPT_CHECK, NULL, flag_site},
    {"--service", OPT_CHECK, NULL, flag_service},
    {"--services", OPT_CHECK, "DIR", value_services},
    {"--export", OPT_CHECK, NULL, flag_export},
    {"--dump", OPT_CHECK, NULL, flag_dump},
    {"--cause", OPT_CHECK, NULL, flag_cause},
    {"-n", OPT_LINES, "N", value_lines},
    {"--tty", OPT_TTY, "DEVICE", value_tty},
    {"--json", OPT_JSON, NULL, flag_json},
    {"--lang", OPT_LANG, "en|ja", value_lang},
};
#define OPTIONS_COUNT (sizeof options / sizeof options[0])

static const struct op ops[] = {
    {"status", NULL, true, OPT_JSON | OPT_LANG, op_status, "how the box is, what is wrong and what to do",
     "装置の状態、問題とその対処"},
    {"session", "start", true, OPT_JSON | OPT_LANG | OPT_SERVICE_NAME, op_session_start, "connect to the registry",
     "登録システムに接続する"},
    {"session", "end", true, OPT_JSON | OPT_LANG, op_session_end, "end the connection", "接続を終わる"},
    {"cert", "show", true, OPT_JSON | OPT_LANG, op_cert_show, "the certificate in force", "使用中の証明書を表示する"},
    {"cert", "renew", true, OPT_JSON | OPT_LANG, op_cert_renew, "renew the certificate now", "証明書をいま更新する"},
    {"rules", NULL, true, OPT_JSON | OPT_LANG, op_rules,
     "what is allowed now: names, addresses, until when, through which tunnel, for whom",
     "いま許可している通信(名前・アドレス・期限・トンネル・対象PC)"},
    {"log", "blocked", true, OPT_JSON | OPT_LINES | OPT_LANG, op_log_blocked,
     "who asked for what lately and why not (20)", "最近、誰が何を求めてなぜ遮断されたか(20件)"},
    {"log", NULL, true, OPT_JSON | OPT_LINES | OPT_LANG, op_log, "the last N lines of the audit log (20)",
     "監査記録の最後のN行(20行)"},
    {"check", NULL, true, OPT_JSON | OPT_LANG | OPT_CHECK | OPT_FILES, op_check,
     "find mistakes in a site or service file; without FILE: the box's own",
     "施設ファイル・サービスファイルの誤りを調べる"},
    {"explain", NULL, true, OPT_JSON | OPT_LANG | OPT_CAUSE, op_explain,
     "what a cause of the log or of a state file means, and what to do",
     "記録や状態ファイルの原因コードの意味と対処を表示する"},
    {"console", NULL, false, OPT_TTY, op_console, "status screen and prompt (started by the box)",
     "状態画面と入力待ち(装置が起動する)"},
    {"version", NULL, true, OPT_JSON, op_version, "this version of Sekisho, and when the image was made",
     "Sekishoの版とイメージの作成日時"},
    {"help", NULL, true, OPT_TOPIC, op_help, "this list; or the page on TOPIC: sekisho, site.conf, service.conf",
     "この一覧。TOPIC(sekisho、site.conf、service.conf)を付けるとその説明(英語)"},
};
#define OPS_COUNT (sizeof ops / sizeof ops[0])

static void print_call(FILE *to, const struct op *op)
{
    (void)fprintf(to, "%s%s%s%s", op->group, op->name ? " " : "", op->name ? op->name : "",
                  (op->options & OPT_SERVICE_NAME) ? " [SERVICE]"
                  : (op->options & OPT_TOPIC)      ? " [TOPIC]"
                                                   : "");
    for (size_t i = 0; i < OPTIONS_COUNT; i++)
        if (op->options & options[i].needs)
            (void)fprintf(to, " [%s%s%s]", options[i].text, options[i].value ? " " : "",
                          options[i].value ? options[i].value : "");
    (void)fprintf(to, "%s\n",
                  (op->options & OPT_FILES)   ? " [FILE...]"
                  : (op->options & OPT_CAUSE) ? " CAUSE [KEY=VALUE...]"
                                              : "");
}

static void usage(bool from_console)
{
    (void)printf("%s\n", from_console ? "Commands / コマンド:" : "usage: sekisho [--root DIR] COMMAND");
    for (size_t i = 0; i < OPS_COUNT; i++) {
        if (from_console && !ops[i].console)
            continue;
        (void)printf("  ");
        print_call(stdout, &ops[i]);
        (void)printf("      %s / %s\n", ops[i].en, ops[i].ja);
    }
    if (!from_console)
        (void)printf("Exit status: 0 all is well, 1 something is wrong and was said, 2 wrong call or nobody to ask.\n");
}

/* Find the command with the first word `first` and the second from argv; *words: how many it has. */
static const struct op *find(int argc, char *const argv[], const char *first, int *words)
{
    for (size_t i = 0; i < OPS_COUNT; i++) {
        if (strcmp(ops[i].group, first) != 0)
            continue;
        *words = ops[i].name ? 2 : 1;
        if (!ops[i].name || (argc > 1 && strcmp(ops[i].name, argv[1]) == 0))
            return &ops[i];
    }
    return NULL;
}

/* The usual options `sekisho --version` and `sekisho --help`; in a shell only. */
static const char *as_command(const char *word)
{
    return strcmp(word, "--version") == 0 ? "version" : strcmp(word, "--help") == 0 ? "help" : word;
}

/* The default language: from the environment, else both (the console has no environment). */
static enum ops_lang default_lang(void)
{
    const char *lang = getenv("LANG");
    if (!lang || lang[0] == '\0' || lang[0] == 'C' || strncmp(lang, "POSIX", 5) == 0)
        return LANG_BOTH;
    return strncmp(lang, "ja", 2) == 0 ? LANG_JA : LANG_EN;
}

/* Parse the words after the command's name. False, after printing an error, if one is wrong. */
static bool take_args(const struct op *op, int argc, char *const argv[], struct ops_args *a)
{
    for (int i = 0; i < argc; i++) {
        const struct option *o = NULL;
        for (size_t k = 0; argv[i][0] == '-' && k < OPTIONS_COUNT; k++)
            if (strcmp(options[k].text, argv[i]) == 0 && (op->options & options[k].needs))
                o = &options[k];
        if (o && o->value && i + 1 == argc) {
            (void)fprintf(stderr, "sekisho: %s needs a value / 値が必要です\n", o->text);
            return false;
        }
        if (o) {
            const char *value = o->value ? argv[++i] : NULL;
            if (o->take(a, value))
                continue;
            (void)fprintf(stderr, "sekisho: %s%s%s does not fit / この値は使えません\n", o->text, value ? " " : "",
                          value ? value : "");
            return false;
        }
        unsigned max = (op->options & (OPT_FILES | OPT_CAUSE))          ? OPS_ARGS_MAX
                       : (op->options & (OPT_SERVICE_NAME | OPT_TOPIC)) ? 1
                                                                        : 0;
        if (argv[i][0] == '-' || a->file_count == max) {
            char call[64];
            (void)snprintf(call, sizeof call, "%s%s%s", op->group, op->name ? " " : "", op->name ? op->name : "");
            (void)fprintf(stderr, "sekisho: %s does not take %s / %s に %s は付けられません\n", call, argv[i], call,
                          argv[i]);
            return false;
        }
        a->files[a->file_count++] = argv[i];
    }
    return true;
}

int ops_run(int argc, char *const argv[], bool from_console)
{
    struct ops_args args = {.root = "", .lines = 20, .lang = default_lang()};
    int words = 0;
    if (!from_console && argc > 1 && strcmp(argv[0], "--root") == 0) {
        args.root = argv[1];
        argv += 2;
        argc -= 2;
    }
    const struct op *op = argc > 0 ? find(argc, argv, from_console ? argv[0] : as_command(argv[0]), &words) : NULL;
    if (!op || (from_console && !op->console)) {
        if (argc > 0)
            (void)fprintf(from_console ? stdout : stderr, "There is no such command. / そのコマンドはありません。\n");
        usage(from_console);
        return EXIT_USAGE;
    }
    if (!take_args(op, argc - words, argv + words, &args)) {
        (void)fprintf(stderr, "usage / 使い方: ");
        print_call(stderr, op);
        return EXIT_USAGE;
    }
    char site[PATH_MAX];
    (void)snprintf(site, sizeof site, "%s/state/site.conf", args.root);
    zone_of_site(site);
    args.console = from_console;
    args.run_line = ops_run;
    args.usage = usage;
    return op->run(&args);
}
