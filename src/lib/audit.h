/*
 * Audit events: what the hospital's auditor reads. A datagram to the audit program, which alone writes the log.
 * Line in the log: `2026-11-21T17:30:00+09:00 000123 gate session.start service=gtol client=192.168.77.10`
 * (time, sequence number, program as known by the sender's uid, event, details).
 */
#ifndef SEKISHO_AUDIT_H
#define SEKISHO_AUDIT_H

#define AUDIT_SOCKET "/run/sekisho/audit/sock"
#define AUDIT_LINE_MAX 512 /* event and details, without time, number and program */

/*
 * Send one event: dotted name such as `session.start`, `session.end`, `dns.refused`, `cert.enrolled`, `fault`, `boot`,
 * then `key=value` details in printf form. Never blocks, never fails visibly: if the audit program is away the line
 * goes to stderr (Finit keeps it) and the next delivered event says how many were lost.
 */
void audit_event(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The socket may be opened early, before a sandbox forbids it; returns the descriptor or -1. */
int audit_open(void);

#endif
