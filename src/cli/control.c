/* `sekisho session …` and `sekisho cert renew`: a request to a daemon's control socket and its one-sentence answer. */
#include "conf_parse.h"
#include "ipc.h"
#include "japanese.h"
#include "ops.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define GATE_SOCKET "/run/sekisho/gate/ctl.sock"
#define ENROLL_SOCKET "/run/sekisho/enroll/ctl.sock"
#define ANSWER_S 90 /* raising a tunnel may take this long over a bad line */

static int answer(const struct ops_args *args, int status, const char *text)
{
    char safe[512], ja[JAPANESE_MAX];
    (void)text_escape(safe, sizeof safe, text, strlen(text));
    if (!japanese(safe, ja, sizeof ja))
        return ops_answer(args, status, safe, NULL);
    (void)snprintf(ja + strlen(ja), sizeof ja - strlen(ja), "%s", args->json ? "" : "。");
    return ops_answer(args, status, safe, ja);
}

static int ask(const struct ops_args *args, const char *path, const char *who, enum msg_type type, const void *body)
{
    const struct timeval limit = {.tv_sec = ANSWER_S};
    char full[PATH_MAX], text[160];
    struct msg reply;
    int fd;
    (void)snprintf(full, sizeof full, "%s%s", args->root, path);
    int sock = ipc_connect(full);
    if (sock < 0) {
        (void)snprintf(text, sizeof text, "%s cannot be reached: %s", who, strerror(errno));
        return answer(args, EXIT_USAGE, text);
    }
    enum ipc_result r = IPC_ERROR;
    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0)
        r = ipc_send(sock, type, body, -1);
    if (r == IPC_OK)
        r = ipc_recv(sock, ROLE_CTL_CLIENT, &reply, &fd);
    close(sock);
    if (r == IPC_OK)
        return answer(args, reply.u.reply.ok ? EXIT_GOOD : EXIT_WRONG, reply.u.reply.text);
    (void)snprintf(text, sizeof text, "%s %s", who,
                   r == IPC_AGAIN ? "did not answer in time; `status` says how it stands" : "broke off the connection");
    return answer(args, EXIT_USAGE, text);
}

/* The number of a service by its name; the box's own files say it. 0: not found. */
static uint8_t number_of(const struct ops_args *args, const char *name)
{
    static const char *const folders[] = {"/state/services", "/etc/sekisho/services"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && conf_is_short_name(name); i++) {
        struct conf_errors errors = {0};
        struct conf_service service;
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s%s/%s.conf", args->root, folders[i], name);
        if (access(path, F_OK) == 0)
            return conf_load_service(path, &service, &errors) ? service.number : 0;
    }
    return 0;
}

int op_session_start(const struct ops_args *args)
{
    struct msg_service body = {.service = 0};
    if (args->file_count > 0) {
        body.service = number_of(args, args->files[0]);
        if (body.service == 0)
            return answer(args, EXIT_WRONG, "There is no service of that name; the site file lists them.");
    }
    return ask(args, GATE_SOCKET, "The gate", MSG_CTL_SESSION_START, &body);
}

int op_session_end(const struct ops_args *args)
{
    return ask(args, GATE_SOCKET, "The gate", MSG_CTL_SESSION_END, NULL);
}

int op_cert_renew(const struct ops_args *args)
{
    return ask(args, ENROLL_SOCKET, "The certificate program", MSG_CTL_CERT_RENEW, NULL);
}
