/* `sekisho session …` and `sekisho cert renew`: a request to a daemon's control socket; the answer is a cause. */
#include "conf_parse.h"
#include "ipc.h"
#include "ops.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_S 90 /* establishing a tunnel may take this long over a bad uplink */

/* The daemon to ask, and the causes when that fails. */
struct asked {
    const char *path;
    enum cause_code unreachable, late, broke_off;
};

static const struct asked gate = {"/run/sekisho/gate/ctl.sock", CAUSE_GATE_UNREACHABLE, CAUSE_GATE_LATE,
                                  CAUSE_GATE_BROKE_OFF};
static const struct asked enroll = {"/run/sekisho/enroll/ctl.sock", CAUSE_ENROLL_UNREACHABLE, CAUSE_ENROLL_LATE,
                                    CAUSE_ENROLL_BROKE_OFF};

static int ask(const struct ops_args *args, const struct asked *who, enum msg_type type, const void *body)
{
    const struct timeval limit = {.tv_sec = ANSWER_S};
    char full[PATH_MAX];
    struct msg reply;
    struct cause cause;
    int fd;
    (void)snprintf(full, sizeof full, "%s%s", args->root, who->path);
    int sock = ipc_connect(full);
    if (sock < 0) {
        cause_set(&cause, who->unreachable, CAUSE_NUMBER(errno), NULL);
        return ops_answer_cause(args, EXIT_USAGE, &cause);
    }
    enum ipc_result r = IPC_ERROR;
    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0)
        r = ipc_send(sock, type, body, -1);
    if (r == IPC_OK)
        r = ipc_recv(sock, ROLE_CTL_CLIENT, &reply, &fd);
    close(sock);
    if (r == IPC_OK)
        return ops_answer_cause(args, reply.u.reply.ok ? EXIT_GOOD : EXIT_WRONG, &reply.u.reply.cause);
    return ops_answer_cause(args, EXIT_USAGE, CAUSE_OF(r == IPC_AGAIN ? who->late : who->broke_off));
}

/* The number of a service by its name, from the box's own files. 0: not found. */
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
            return ops_answer_cause(args, EXIT_WRONG, CAUSE_OF(CAUSE_NO_SERVICE_OF_NAME));
    }
    return ask(args, &gate, MSG_CTL_SESSION_START, &body);
}

int op_session_end(const struct ops_args *args)
{
    return ask(args, &gate, MSG_CTL_SESSION_END, NULL);
}

int op_cert_renew(const struct ops_args *args)
{
    return ask(args, &enroll, MSG_CTL_CERT_RENEW, NULL);
}
