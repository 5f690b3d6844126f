/* Service files with one mistake each: the line where it stands (0: of the whole file), and words of what is said. */
#ifndef SEKISHO_TESTS_LIB_CONF_REFUSALS_H
#define SEKISHO_TESTS_LIB_CONF_REFUSALS_H

#include "lib_conf_fixture.h"

/* Lines that replace one of a good file, and what must be said. */
struct refusal {
    const char *text;
    unsigned line;
    const char *wrong;
};

static const struct refusal service_refusals[] = {
    {"[service]\nnumber = 0\n", 2, "from 1 to 8"},
    {"[service]\nnumber = 9\n", 2, "from 1 to 8"},
    {"[service]\nnumber = 01\n", 2, "from 1 to 8"},
    {SERVICE_HEAD "[tunnel]\nhub = hub\n", 5, "neither a full host name"},
    {SERVICE_HEAD "[tunnel]\nhub = 127.0.0.1\n", 5, "neither a full host name"},
    {SERVICE_HEAD "[tunnel]\nhub-id = %any\n", 5, "wildcard"},
    {SERVICE_HEAD "[tunnel]\nhub-id = *.example\n", 5, "wildcard"},
    {SERVICE_HEAD "[tunnel]\nike-proposal = aes128-sha1-modp1024\n", 5, "too weak"},
    {SERVICE_HEAD "[tunnel]\nesp-proposal = aes256gcm16;rm\n", 5, "not an algorithm list"},
    {SERVICE_HEAD "[tunnel]\nencapsulation = tcp\n", 5, "neither `auto` nor `udp`"},
    {SERVICE_HEAD "[tunnel]\nremote = 10.20.0.1/16\n", 5, "is not a network"},
    {SERVICE_HEAD "[tunnel]\nremote = 0.0.0.0/0\n", 5, "too wide"},
    {SERVICE_HEAD "[tunnel]\nremote = 224.0.0.0/8\n", 5, "cannot be behind a tunnel"},
    {SERVICE_HEAD "[tunnel]\nremote = fec0:1::/32\n", 5, "cannot be behind a tunnel"},
    {SERVICE_HEAD "[tunnel]\nremote = 10.0.0.0/8\nremote = 10.1.0.0/16\n", 6, "overlaps another"},
    {SERVICE_HEAD TUNNEL "[dns]\nresolver = lan\n", 9, "neither an address nor `wan`"},
    {ALLOWED "registry tcp/443\n", 11, "full domain name"},
    {ALLOWED "*.example tcp/443\n", 11, "wildcard at the top level"},
    {ALLOWED "*.jp tcp/443\n", 11, "wildcard at the top level"},
    {ALLOWED "*.CO.JP tcp/443\n", 11, "wildcard at the top level"},
    {ALLOWED "*.osaka.jp tcp/443\n", 11, "wildcard at the top level"},
    {ALLOWED "* tcp/443\n", 11, "not a whole first label"},
    {ALLOWED "*. tcp/443\n", 11, "wildcard at the top level"},
    {ALLOWED "*a.example.jp tcp/443\n", 11, "not a whole first label"},
    {ALLOWED "a.*.example.jp tcp/443\n", 11, "not a whole first label"},
    {ALLOWED "*.*.example.jp tcp/443\n", 11, "not a whole first label"},
    {ALLOWED "*.10.20.0.1 tcp/443\n", 11, "full domain name"},
    {ALLOWED "*.a.example tcp/443 tls\nname = b.a.example tcp/443\n", 12,
     "contradicts line 11, `*.a.example`: tcp/443"},
    {ALLOWED "b.a.example tcp/443\nname = *.a.example tcp/80, tcp/443 tls\n", 12,
     "contradicts line 11, `b.a.example`: tcp/443"},
    {ALLOWED "*.a.example tcp/443 tls\nname = b.a.example tcp/443 tls\n", 12, "says the same as line 11"},
    {ALLOWED "*.a.example tcp/443\nname = *.b.a.example tcp/444\n", 12, "overlaps the wildcard of line 11"},
    {ALLOWED "*.a.example tcp/443\nname = *.a.example tcp/444\n", 12, "has a line already, line 11"},
    {ALLOWED "a.example tcp/443 ech-noise\n", 11, "without `tls`"},
    {ALLOWED "a.example tcp/443 tls noise\n", 11, "not `ech-noise`"},
    {ALLOWED "a.example tcp/443 tls ech-noise x\n", 11, "not `ech-noise`"},
    {ALLOWED "a.example tcp/443 tls ech-noise, tcp/444 tls\n", 11, "on one of its tls ports"},
    {SERVICE_HEAD TUNNEL "[dns]\nresolver = 203.0.113.10\n" ALLOW, 9, "the resolver is the hub itself"},
    {ALLOWED "a.example. tcp/443\n", 11, "full domain name"},
    {ALLOWED "10.20.0.1 tcp/443\n", 11, "full domain name"},
    {ALLOWED "-a.example tcp/443\n", 11, "full domain name"},
    {ALLOWED "登録.example tcp/443\n", 11, "full domain name"},
    {ALLOWED "a.example\n", 11, "not tcp/PORT"},
    {ALLOWED "a.example tcp/0\n", 11, "not tcp/PORT"},
    {ALLOWED "a.example tcp/65536\n", 11, "not tcp/PORT"},
    {ALLOWED "a.example tcp/443 ssl\n", 11, "not `tls`"},
    {ALLOWED "a.example tcp/443,\n", 11, "not tcp/PORT"},
    {ALLOWED "a.example udp/123 tls\n", 11, "`tls` on a udp port"},
    {ALLOWED "a.example udp/443\n", 11, "QUIC"},
    {ALLOWED "a.example tcp/53\n", 11, "DNS"},
    {ALLOWED "a.example tcp/853\n", 11, "DNS over TLS"},
    {ALLOWED "a.example tcp/443, tcp/443 tls\n", 11, "a port twice"},
    {SERVICE_HEAD TUNNEL DNS ALLOW "name = registry.lab.example tcp/80\n", 12, "has a line already"},
    {SERVICE_HEAD TUNNEL "[dns]\nresolver = 9.9.9.9\n" ALLOW, 0, "outside the networks behind the hub"},
    {SERVICE_HEAD "[tunnel]\nhub = 10.20.0.1\nremote = 10.20.0.0/16\n" DNS ALLOW, 0, "through itself"},
    {SERVICE_HEAD TUNNEL DNS, 0, "`name` is missing in [allow]"},
};

#endif
