/* The commands of `sekisho`: one row each in ops.c, one function each, arguments taken apart in one place. */
#ifndef SEKISHO_OPS_H
#define SEKISHO_OPS_H

#include "cause.h"
#include "zone.h"

#include <stdbool.h>
#include <stddef.h>

#define OPS_ARGS_MAX 16

/* Exit statuses of every command. */
enum ops_exit {
    EXIT_GOOD = 0,  /* done; everything is well */
    EXIT_WRONG = 1, /* done, and something is not well: a mistake in a file, a refusal, trouble */
    EXIT_USAGE = 2  /* not done: wrong arguments, nobody there to ask */
};

enum ops_lang { LANG_BOTH, LANG_EN, LANG_JA };

/* The options that were given; which ones a command takes stands in its row. */
struct ops_args {
    bool console; /* typed at the box's console */
    bool json;
    enum ops_lang lang;
    const char *root;     /* look at the files below this folder; "" on the box itself */
    unsigned lines;       /* -n */
    bool site, service;   /* check: which kind */
    bool export, dump;    /* check: output for scripts */
    bool cause;           /* check: the first mistake as a cause, for scripts */
    const char *services; /* check: folder of service files */
    const char *tty;      /* console */
    unsigned file_count;  /* what is no option */
    const char *files[OPS_ARGS_MAX];
};

enum ops_option {
    OPT_JSON = 1,
    OPT_LANG = 2,
    OPT_LINES = 4,
    OPT_CHECK = 8,
    OPT_FILES = 16,
    OPT_TTY = 32,
    OPT_SERVICE_NAME = 64, /* one word: a service's name */
    OPT_TOPIC = 128, /* one word: what help is wanted on */
    OPT_CAUSE = 256  /* words: a cause */
};

struct op {
    const char *group, *name; /* "session" "start"; group alone when name is NULL */
    bool console;             /* may be typed at the box's console */
    unsigned options;
    int (*run)(const struct ops_args *args);
    const char *en, *ja;      /* what it does */
};

/* Find and run the command that the words are. from_console: only what is allowed there. Returns an exit status. */
int ops_run(int argc, char *const argv[], bool from_console);
void ops_usage(bool from_console);

int op_status(const struct ops_args *args);
int op_session_start(const struct ops_args *args);
int op_session_end(const struct ops_args *args);
int op_cert_show(const struct ops_args *args);
int op_cert_renew(const struct ops_args *args);
int op_rules(const struct ops_args *args);
int op_log(const struct ops_args *args);
int op_log_blocked(const struct ops_args *args);
int op_check(const struct ops_args *args);
int op_console(const struct ops_args *args);
int op_version(const struct ops_args *args);
int op_help(const struct ops_args *args);
int op_explain(const struct ops_args *args);

/* The whole audit log in lines, oldest first; each a string of what may be shown on a terminal. None is empty. */
struct log {
    unsigned lines;
    char *text, *end;
};
bool log_open(const struct ops_args *args, struct log *log); /* false, having said why */
/* The line behind this one; the first for NULL. NULL behind the last. */
const char *log_next(const struct log *log, const char *line);
/* A line's time, in the site's zone whatever it was written in (what is no time: the first word). Returns what follows. */
const char *log_time(const char *line, char out[ZONE_TEXT_MAX]);

/* One sentence as a command's whole answer, in the form that was asked for; ends with status, which it returns. */
int ops_answer(const struct ops_args *args, int status, const char *en, const char *ja);

/* The same with a cause, and what to do behind it; in JSON the cause itself stands beside them. */
int ops_answer_cause(const struct ops_args *args, int status, const struct cause *cause);

/* check --export and --dump, for one file that has no mistake. */
struct conf_site;
struct conf;
struct conf_service;
void export_site(const struct conf_site *site);
void dump_service(const struct conf_service *service);
void dump_hosts(const struct conf *conf); /* which host may use what; after dump_service of each */

#endif
