/* Diagnostic lines to stderr, `program: level: text`; Finit hands them to the log. For people's events use audit.h. */
#ifndef SEKISHO_LOG_H
#define SEKISHO_LOG_H

void log_name(const char *program); /* keeps the pointer */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Every step of a state machine; not written unless log_verbose() was called. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(void);
/* Logs and ends the process with status 1. */
_Noreturn void log_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
