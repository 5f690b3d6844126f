/*
 * The box's console: a status screen, then a prompt that accepts the commands of `sekisho` only. There is no shell, no
 * pager, no way to start another program, and it prints nothing while nobody types.
 *
 * Started by Finit as root with --tty, it takes the terminal and then becomes the user `status` for good. Each
 * command runs in a child, so that neither Ctrl-C nor a crash in one ends the console.
 */
#include "audit.h"
#include "log.h"
#include "ops.h"
#include "sandbox.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 256
#define WORDS_MAX (LINE_SIZE / 2) /* the most that fit into a line */
#define PROMPT "sekisho> "

/* Make the terminal standard input and output, and the controlling terminal, for Ctrl-C. */
static void take_tty(const char *device)
{
    struct termios t;
    (void)setsid(); /* fails only if we are a session leader already */
    int fd = open(device, O_RDWR);
    if (fd < 0)
        log_fatal("cannot open %s: %s", device, strerror(errno));
    (void)ioctl(fd, TIOCSCTTY, 1);
    if (tcgetattr(fd, &t) < 0)
        log_fatal("%s is not a terminal: %s", device, strerror(errno));
    t.c_iflag = ICRNL | IXON | IUTF8 | BRKINT;
    t.c_oflag = OPOST | ONLCR;
    t.c_lflag = ICANON | ISIG | ECHO | ECHOE | ECHOK | ECHOCTL;
    t.c_cflag |= CREAD | CLOCAL;
    t.c_cc[VINTR] = 3;
    t.c_cc[VERASE] = 0x7f;
    t.c_cc[VKILL] = 21;
    t.c_cc[VEOF] = 4;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    t.c_cc[VSUSP] = t.c_cc[VQUIT] = _POSIX_VDISABLE; /* no job control, no core dumps from the keyboard */
    if (tcsetattr(fd, TCSANOW, &t) < 0)
        log_fatal("cannot set up %s: %s", device, strerror(errno));
    for (int target = 0; target < 3; target++)
        if (dup2(fd, target) < 0)
            log_fatal("cannot use %s: %s", device, strerror(errno));
    if (fd > 2)
        close(fd);
}

static void confine(void)
{
    static const uint32_t groups[] = {UID_SEKISHO};
    /* For the commands: reading files, talking to the daemons' sockets, a child for each. */
    static const char *const calls[] = {"openat",     "access",     "faccessat", "faccessat2", "socket", "connect",
                                        "setsockopt", "ioctl",      "clone",     "clone3",     "fork",   "vfork",
                                        "wait4",      "waitid",     "setpgid",   "getpgrp",    "dup",    "dup2",
                                        "readlink",   "readlinkat", "umask",     NULL};
    if (geteuid() == 0)
        sandbox_user(UID_STATUS, groups, 1, 0);
    if (geteuid() != UID_STATUS)
        return; /* run by hand on another machine */
    tzset();
    sandbox_syscalls(calls);
}

/* Ctrl-C at the prompt only interrupts the wait for input. */
static void on_interrupt(int signal_number)
{
    (void)signal_number;
}

/*
 * SIGINT is blocked except while the console waits for input, so that one just before the wait is not lost. A command
 * in its child gets it as usual.
 */
static sigset_t outside; /* the signal mask while waiting, and of commands */

static void watch_interrupt(void)
{
    sigset_t interrupt;
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &outside);
    (void)sigdelset(&outside, SIGINT);
    (void)signal(SIGINT, on_interrupt); /* ppoll is interrupted with any flags */
}

enum input { INPUT_LINE, INPUT_AGAIN, INPUT_LONG, INPUT_END };

/* Read one line, without its newline. A line that is too long is discarded as a whole. */
static enum input read_line(char *line, size_t size)
{
    size_t len = 0;
    bool too_long = false;
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char c;
        if (ppoll(&input, 1, NULL, &outside) < 0 && errno == EINTR)
            return INPUT_AGAIN;
        if (read(STDIN_FILENO, &c, 1) <= 0)
            return INPUT_END;
        if (c == '\n' || c == '\r')
            break;
        if (len + 1 < size)
            line[len++] = c;
        else
            too_long = true;
    }
    line[len] = '\0';
    return too_long ? INPUT_LONG : INPUT_LINE;
}

/* Split at blanks; no other character is special. A line with control characters is rejected. */
static int split(char *line, char *words[WORDS_MAX])
{
    int count = 0;
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    for (char *word = strtok(line, " "); word && count < WORDS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    return count;
}

static void run_command(const struct ops_args *args, int count, char *words[])
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGINT, SIG_DFL);
        (void)sigprocmask(SIG_SETMASK, &outside, NULL);
        int status = args->run_line(count, words, true);
        (void)fflush(stdout);
        _exit(status);
    }
    if (pid < 0) {
        (void)printf("The box is out of memory; try again in a minute. / "
                     "メモリが足りません。1分ほど待ってからやり直してください。\n");
        return;
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    /* Setting SIG_IGN discards a pending Ctrl-C, which was meant for the command. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGINT, on_interrupt);
    if (WIFSIGNALED(status))
        (void)printf("\nThe command was broken off. / コマンドを中断しました。\n");
}

static void show_screen(const struct ops_args *args)
{
    char status[] = "status";
    char *words[] = {status};
    char now[ZONE_TEXT_MAX];
    zone_of_site("/state/site.conf");
    (void)printf("\n== Sekisho ==  %s  (help: list of commands / コマンド一覧)\n", zone_minute(time(NULL), now));
    run_command(args, 1, words);
}

int op_console(const struct ops_args *args)
{
    char line[LINE_SIZE], *words[WORDS_MAX];
    if (args->tty)
        take_tty(args->tty);
    (void)setvbuf(stdout, NULL, _IOFBF, 8192); /* write a whole screen at once */
    (void)audit_open();
    confine();
    watch_interrupt();
    audit_event("console.start", "%s", "");
    show_screen(args);
    for (;;) {
        (void)printf("%s", PROMPT);
        (void)fflush(stdout);
        switch (read_line(line, sizeof line)) {
        case INPUT_END: audit_event("console.end", "%s", ""); return EXIT_GOOD;
        case INPUT_AGAIN: (void)printf("\n"); continue;
        case INPUT_LONG: (void)printf("That line is too long. / 行が長すぎます。\n"); continue;
        case INPUT_LINE: break;
        }
        int count = split(line, words);
        if (count == 0)
            continue;
        char text[LINE_SIZE];
        text[0] = '\0';
        for (int i = 0; i < count; i++) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", words[i]);
        }
        audit_event("console.command", "%s", text);
        run_command(args, count, words);
    }
}
