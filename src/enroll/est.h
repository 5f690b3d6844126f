/* One EST exchange (RFC 7030), from the key part's request to the answer. Runs in a process of its own. */
#ifndef SEKISHO_ENROLL_EST_H
#define SEKISHO_ENROLL_EST_H

#include "conf.h"
#include "msg.h"

/* Reads the rest of the request from sock, does the exchange, sends the certificates and MSG_EST_DONE, and exits. */
_Noreturn void est_run(int sock, const struct conf_site *site, const struct msg_est_start *start);

#endif
