/*
 * The network part (`enroll net`): talks to the enrolment server and never holds a key. A small process with an empty
 * root, no groups and no capabilities waits for work; each exchange runs in a fork of it, which exits afterwards. So
 * if a server exploits the parser, the damage ends with that process, and no memory is held between exchanges.
 */
#ifndef SEKISHO_ENROLL_NET_H
#define SEKISHO_ENROLL_NET_H

#include "conf.h"

/* sock: to the key part. site: includes the password, which only this process keeps. */
_Noreturn void net_run(int sock, const struct conf_site *site);

#endif
