/* `sekisho check`: find mistakes in site and service files, on the box or on any machine. */
#include "cause_text.h"
#include "conf.h"
#include "json.h"
#include "ops.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum kind { KIND_UNKNOWN, KIND_SITE, KIND_SERVICE };

/* The kind of file, by its first section. */
static enum kind kind_of(const char *path)
{
    static const struct {
        const char *section;
        enum kind kind;
    } sections[] = {{"[site]", KIND_SITE},      {"[wan]", KIND_SITE},    {"[lan]", KIND_SITE},
                    {"[hosts]", KIND_SITE},     {"[enroll]", KIND_SITE}, {"[service]", KIND_SERVICE},
                    {"[tunnel]", KIND_SERVICE}, {"[dns]", KIND_SERVICE}, {"[allow]", KIND_SERVICE}};
    char line[CONF_LINE_MAX];
    enum kind kind = KIND_UNKNOWN;
    FILE *f = fopen(path, "re");
    while (f && kind == KIND_UNKNOWN && fgets(line, sizeof line, f)) {
        const char *at = line + strspn(line, " \t\xef\xbb\xbf");
        for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
            if (strncmp(at, sections[i].section, strlen(sections[i].section)) == 0)
                kind = sections[i].kind;
    }
    if (f)
        (void)fclose(f);
    return kind;
}

/* Print a mistake in one language: where, what is wrong, and what to write instead. */
static void show_error(const struct conf_error *e, enum ops_lang lang, bool where)
{
    enum cause_lang in = lang == LANG_JA ? CAUSE_JA : CAUSE_EN;
    const char *mark = lang == LANG_JA ? "。" : "", *end = lang == LANG_JA ? "。" : ".";
    char wrong[CAUSE_TEXT_MAX], line[16] = "";
    if (e->line > 0)
        (void)snprintf(line, sizeof line, ":%u", e->line);
    if (where)
        (void)printf("%s%s: ", e->file, line);
    else
        (void)printf("    ");
    (void)printf("%s%s\n    %s%s\n", cause_text(&e->wrong, in, CAUSE_WRONG, wrong), end,
                 cause_column(e->remedy, in, CAUSE_WRONG), mark);
}

static void show_errors(const struct conf_errors *errors, enum ops_lang lang)
{
    unsigned shown = errors->count < CONF_ERRORS_MAX ? errors->count : CONF_ERRORS_MAX;
    for (unsigned i = 0; i < shown; i++) {
        if (lang != LANG_JA)
            show_error(&errors->list[i], LANG_EN, true);
        if (lang != LANG_EN)
            show_error(&errors->list[i], LANG_JA, lang == LANG_JA);
    }
    if (errors->count > shown && lang != LANG_JA)
        (void)printf("and %u more mistakes.\n", errors->count - shown);
    if (errors->count > shown && lang != LANG_EN)
        (void)printf("ほかに%u件の誤りがあります。\n", errors->count - shown);
}

static void json_errors(const struct conf_errors *errors, bool readable)
{
    unsigned shown = errors->count < CONF_ERRORS_MAX ? errors->count : CONF_ERRORS_MAX;
    struct json j = {0};
    char text[CAUSE_TEXT_MAX];
    json_open(&j, NULL, '{');
    json_bool(&j, "ok", readable && errors->count == 0);
    json_number(&j, "count", errors->count);
    json_open(&j, "errors", '[');
    for (unsigned i = 0; i < shown; i++) {
        const struct conf_error *e = &errors->list[i];
        json_open(&j, NULL, '{');
        json_text(&j, "file", e->file);
        json_number(&j, "line", e->line);
        json_cause(&j, "cause", &e->wrong);
        json_text(&j, "wrong", cause_text(&e->wrong, CAUSE_EN, CAUSE_WRONG, text));
        json_text(&j, "remedy", cause_column(e->remedy, CAUSE_EN, CAUSE_WRONG));
        json_text(&j, "wrong_ja", cause_text(&e->wrong, CAUSE_JA, CAUSE_WRONG, text));
        json_text(&j, "remedy_ja", cause_column(e->remedy, CAUSE_JA, CAUSE_WRONG));
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    json_end();
}

static void dump_all(const struct conf *all)
{
    for (unsigned i = 0; i < all->service_count; i++)
        dump_service(&all->services[i]);
    dump_hosts(all);
}

/* Report on stderr that a file cannot be read, which is not a mistake in it. */
static bool unreadable(const char *path)
{
    char ja[CAUSE_TEXT_MAX];
    struct cause why;
    int error = errno;
    cause_system(&why, error);
    (void)fprintf(stderr, "sekisho: cannot read %s: %s / %s を読み取れません(%s)\n", path, strerror(error), path,
                  cause_text(&why, CAUSE_JA, CAUSE_WRONG, ja));
    return false;
}

/* en, ja: the object checked. */
static void put_good(enum ops_lang lang, const char *en, const char *ja)
{
    if (lang == LANG_JA)
        (void)printf("%s: 誤りはありません\n", ja);
    else
        (void)printf("%s: good%s\n", en, lang == LANG_BOTH ? " / 誤りはありません" : "");
}

/* Check one file; with --services, a site file with the services that it names. False: not readable. */
static bool check_file(const struct ops_args *args, const char *path, struct conf_errors *errors)
{
    static struct conf all;
    static struct conf_service service;
    enum kind kind = args->site ? KIND_SITE : args->service ? KIND_SERVICE : kind_of(path);
    unsigned before = errors->count;
    if (access(path, R_OK) < 0)
        return unreadable(path);
    if (kind == KIND_UNKNOWN) {
        (void)fprintf(stderr,
                      "sekisho: %s begins with neither [site] nor [service]; say --site or --service / "
                      "[site] でも [service] でも始まりません。--site か --service を付けてください\n",
                      path);
        return false;
    }
    if (kind == KIND_SERVICE)
        (void)conf_load_service(path, &service, errors);
    else if (args->services)
        (void)conf_load_all(path, args->services, NULL, &all, errors);
    else
        (void)conf_load_site(path, &all.site, errors);
    if (errors->count > before)
        return true;
    if (args->export && kind == KIND_SITE)
        export_site(&all.site);
    else if (args->dump && kind == KIND_SERVICE)
        dump_service(&service);
    else if (args->dump && args->services)
        dump_all(&all);
    else if (!args->json && !args->cause)
        put_good(args->lang, path, path);
    return true;
}

/* Check the box's own files together. */
static bool check_box(const struct ops_args *args, struct conf_errors *errors)
{
    static struct conf all;
    char site[PATH_MAX], own[PATH_MAX], shipped[PATH_MAX];
    (void)snprintf(site, sizeof site, "%s/state/site.conf", args->root);
    (void)snprintf(own, sizeof own, "%s/state/services", args->root);
    (void)snprintf(shipped, sizeof shipped, "%s/etc/sekisho/services", args->root);
    if (access(site, R_OK) < 0)
        return unreadable(site);
    if (!conf_load_all(site, own, shipped, &all, errors))
        return true;
    if (args->export)
        export_site(&all.site);
    else if (args->dump)
        dump_all(&all);
    else if (!args->json && !args->cause) {
        char en[PATH_MAX + 32], ja[PATH_MAX + 64];
        (void)snprintf(en, sizeof en, "%s and %u service file%s", site, all.service_count,
                       all.service_count == 1 ? "" : "s");
        (void)snprintf(ja, sizeof ja, "%s とサービスファイル%u個", site, all.service_count);
        put_good(args->lang, en, ja);
    }
    return true;
}

/* For scripts: the first mistake, as a cause. */
static void put_cause(const struct conf_errors *errors)
{
    char line[CAUSE_LINE_MAX];
    struct cause cause;
    conf_first_mistake(errors, &cause);
    if (cause.code != CAUSE_NONE)
        (void)printf("%s\n", cause_line(&cause, line));
}

int op_check(const struct ops_args *args)
{
    static struct conf_errors errors;
    bool readable = true;
    errors.count = 0;
    if (args->file_count == 0 && (args->site || args->service || args->services)) {
        (void)fprintf(stderr,
                      "sekisho: check --site, --service and --services need a FILE / ファイルも指定してください\n");
        return EXIT_USAGE;
    }
    if (args->file_count == 0)
        readable = check_box(args, &errors);
    for (unsigned i = 0; i < args->file_count; i++)
        readable = check_file(args, args->files[i], &errors) && readable;
    if (args->cause)
        put_cause(&errors);
    else if (args->json && !args->export && !args->dump)
        json_errors(&errors, readable);
    else
        show_errors(&errors, args->lang);
    return !readable ? EXIT_USAGE : errors.count > 0 ? EXIT_WRONG : EXIT_GOOD;
}
