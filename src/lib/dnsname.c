#include "dnsname.h"

#include <string.h>

uint8_t dns_name_to_wire(const char *text, uint8_t *out)
{
    size_t n = 0;
    while (*text != '\0') {
        size_t label = strcspn(text, ".");
        if (label == 0 || label > 63 || n + 1 + label + 1 > DNS_WIRE_NAME_MAX)
            return 0;
        out[n++] = (uint8_t)label;
        memcpy(out + n, text, label);
        n += label;
        text += label;
        if (*text == '.') {
            text++;
            if (*text == '\0')
                return 0; /* final dot */
        }
    }
    if (n == 0)
        return 0;
    out[n++] = 0;
    return (uint8_t)n;
}

void dns_name_to_text(const uint8_t *wire, uint8_t len, char *out)
{
    size_t n = 0;
    for (size_t pos = 0; pos < len && wire[pos] != 0 && pos + wire[pos] < len; pos += 1u + wire[pos]) {
        if (n != 0)
            out[n++] = '.';
        for (unsigned i = 1; i <= wire[pos]; i++) {
            uint8_t c = wire[pos + i];
            out[n++] = c > ' ' && c < 0x7f ? (char)c : '?';
        }
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0'; /* a wire name of 255 octets has at most 253 characters */
}

unsigned dns_service_prefix(const uint8_t *wire, uint8_t len)
{
    unsigned pos = 0;
    while (pos + 1 < len && wire[pos] > 1 && wire[pos + 1] == '_')
        pos += 1u + wire[pos];
    return pos + 1 < len ? pos : 0;
}
