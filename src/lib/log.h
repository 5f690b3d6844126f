/* Diagnostic messages on stderr, `program: level: text`; Finit passes them to syslog. Events for auditors: audit.h. */
#ifndef SEKISHO_LOG_H
#define SEKISHO_LOG_H

void log_name(const char *program); /* keeps the pointer */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For every step of a state machine; written only after log_verbose(). */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(void);
/* Log the message and exit with status 1. */
_Noreturn void log_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
