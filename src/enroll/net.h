/*
 * The network part (`enroll net`): speaks to the enrolment server and never holds a key. A small process with an empty
 * root, no groups and no capability waits for work; each exchange runs in a fork of it, which ends with the exchange.
 * So whatever a server does to the parser is gone with it, and no memory is held between exchanges.
 */
#ifndef SEKISHO_ENROLL_NET_H
#define SEKISHO_ENROLL_NET_H

#include "conf.h"

/* Never returns. sock: to the key part. site: with the password; this process is the only one that keeps it. */
_Noreturn void net_run(int sock, const struct conf_site *site);

#endif
