#include "audit.h"

void audit_fault(enum cause_code what, enum cause_code why)
{
    char line[CAUSE_LINE_MAX];
    struct cause cause;
    cause_because(&cause, what, CAUSE_OF(why), NULL);
    audit_event("fault", "%s", cause_line(&cause, line));
}
