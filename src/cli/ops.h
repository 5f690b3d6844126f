/* The commands of `sekisho`: each has one row in ops.c and one function; arguments are parsed in one place. */
#ifndef SEKISHO_OPS_H
#define SEKISHO_OPS_H

#include "cause.h"
#include "zone.h"

#include <stdbool.h>
#include <stddef.h>

#define OPS_ARGS_MAX 16

/* Exit statuses of every command. */
enum ops_exit {
    EXIT_GOOD = 0,  /* success, no problem found */
    EXIT_WRONG = 1, /* a problem: a mistake in a file, a refusal, a fault of the box */
    EXIT_USAGE = 2  /* not done: wrong arguments, or the daemon does not run */
};

enum ops_lang { LANG_BOTH, LANG_EN, LANG_JA };

/* The options given; a command's row lists those it accepts. */
struct ops_args {
    bool console; /* typed at the box's console */
    /* ops_run and the list of commands: console and help are below them, and are given them. */
    int (*run_line)(int argc, char *const argv[], bool from_console);
    void (*usage)(bool from_console);
    bool json;
    enum ops_lang lang;
    const char *root;     /* prefix of all paths; "" on the box itself */
    unsigned lines;       /* -n */
    bool site, service;   /* check: which kind */
    bool export, dump;    /* check: output for scripts */
    bool cause;           /* check: the first mistake as a cause, for scripts */
    const char *services; /* check: folder of service files */
    const char *tty;      /* console */
    unsigned file_count;  /* arguments that are not options */
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
    OPT_TOPIC = 128, /* one word: a help topic */
    OPT_CAUSE = 256  /* words: a cause */
};

struct op {
    const char *group, *name; /* "session" "start"; group alone when name is NULL */
    bool console;             /* may be typed at the box's console */
    unsigned options;
    int (*run)(const struct ops_args *args);
    const char *en, *ja;      /* short description */
};

/* Find and run the command in argv. from_console: only those allowed there. Returns an exit status. */
int ops_run(int argc, char *const argv[], bool from_console);

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

/* The whole audit log as lines, oldest first; each is a non-empty string, safe for a terminal. */
struct log {
    unsigned lines;
    char *text, *end;
};
bool log_open(const struct ops_args *args, struct log *log); /* false after printing the error */
/* The line after this one; the first for NULL. NULL after the last. */
const char *log_next(const struct log *log, const char *line);
/* A line's time, converted to the site's zone (its first word unchanged if it is not a time). Returns the rest. */
const char *log_time(const char *line, char out[ZONE_TEXT_MAX]);

/* Print one sentence as a command's whole answer, in the requested form. Returns status. */
int ops_answer(const struct ops_args *args, int status, const char *en, const char *ja);

/* The same with a cause and what to do about it; JSON also contains the cause itself. */
int ops_answer_cause(const struct ops_args *args, int status, const struct cause *cause);

/* check --export and --dump, for one file without mistakes. */
struct conf_site;
struct conf;
struct conf_service;
void export_site(const struct conf_site *site);
void dump_service(const struct conf_service *service);
void dump_hosts(const struct conf *conf); /* which host may use what; after dump_service of each */

#endif
