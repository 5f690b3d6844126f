/*
 * RUN/gate/rules: what is allowed now, one entry per line, for `sekisho rules` and for `cat`:
 *
 *   version 1
 *   written TIME                                    seconds since 1970, as all times here
 *   mode closed|internet|session|before
 *   service NUMBER up|down NAME HUB|-|pc TITLE      every service of the site; pc: the tunnel is the PC's own
 *   host ADDRESS MAC SERVICE|none                   bound hosts
 *   others all|none|SERVICE                         what the other hosts may use
 *   open NUMBER NAME ADDRESS TIME PORT[,PORT...] tunnel|line
 *                                                 PORT: tcp/443+tls, udp/123, esp; TIME: when it expires unless
 *                                                 renewed
 *   more COUNT                                      number of allowed pairs that did not fit
 */
#ifndef SEKISHO_GATE_RULES_H
#define SEKISHO_GATE_RULES_H

#include "view.h"

#define RULES_MAX (128 * 1024) /* bytes of the file */
#define RULES_EVERY_MS 2000    /* minimum interval of writing, except after a change of the session */

/* Called by publish.c alone. */
void rules_write(const struct view *view);

#endif
