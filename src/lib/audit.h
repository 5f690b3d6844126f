/*
 * Audit events, for the hospital's auditor. Each is one datagram to the audit program, the only writer of the log.
 * A record in the log: `2026-11-21T17:30:00+09:00 000123 gate session.start service=gtol client=192.168.77.10`
 * (time, sequence number, program as derived from the sender's uid, event, details).
 */
#ifndef SEKISHO_AUDIT_H
#define SEKISHO_AUDIT_H

#include "cause.h"

#define AUDIT_SOCKET "/run/sekisho/audit/sock"
#define AUDIT_LINE_MAX 512 /* event and details, without time, number and program */

/*
 * Send one event: a dotted name such as `session.start`, `session.end`, `dns.refused`, `cert.enrolled`, `fault`,
 * `boot`, then `key=value` details in printf form. Never blocks and reports no error: if the audit program does not
 * run, the event goes to stderr (Finit logs it), and the next delivered event carries the number of those lost.
 */
void audit_event(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The event `fault`: what is wrong, and why. */
void audit_fault(enum cause_code what, enum cause_code why);

/* Open the socket in advance, before a sandbox forbids it. Returns the descriptor (owned by this module) or -1. */
int audit_open(void);

#endif
