/* Names on the line: `via line` and `via line before` of a service file's [allow]. */
#include "conf_parse.h"

#include <netinet/in.h>
#include <string.h>

#define BLANKS " \t"

/* The word at the beginning of text, and where the next begins. */
static bool word_is(const char *text, const char *word, const char **next)
{
    size_t len = strcspn(text, BLANKS);
    if (len != strlen(word) || strncmp(text, word, len) != 0)
        return false;
    *next = text + len + strspn(text + len, BLANKS);
    return true;
}

/* Where this word stands in text, NULL: nowhere. */
static char *find_word(char *text, const char *word)
{
    const char *next;
    for (char *at = text + strspn(text, BLANKS); *at; at += strspn(at, BLANKS)) {
        if (word_is(at, word, &next))
            return at;
        at += strcspn(at, BLANKS);
    }
    return NULL;
}

enum cause_code conf_via_take(struct conf_rule *rule, char *text)
{
    char *via = find_word(text, "via");
    const char *next;
    if (!via)
        return find_word(text, "before") ? CAUSE_VALUE_BEFORE_WITHOUT_VIA : CAUSE_NONE;
    if (!word_is(via, "via", &next) || !word_is(next, "line", &next))
        return CAUSE_VALUE_VIA_WHAT;
    if (*next) {
        if (!word_is(next, "before", &next) || *next)
            return CAUSE_VALUE_VIA_WHAT;
        rule->before = true;
    }
    rule->via_line = true;
    *via = '\0';
    return CAUSE_NONE;
}

unsigned conf_on_line(const struct conf *conf)
{
    unsigned count = 0;
    for (unsigned i = 0; i < conf->service_count; i++)
        for (unsigned r = 0; r < conf->services[i].rule_count; r++)
            count += conf->services[i].rules[r].via_line;
    return count;
}

bool conf_before(const struct conf *conf)
{
    for (unsigned i = 0; i < conf->service_count; i++)
        for (unsigned r = 0; r < conf->services[i].rule_count; r++)
            if (conf->services[i].rules[r].before)
                return true;
    return false;
}

/*
 * Domains of providers that give each customer a name below them: whoever pays a few yen has one, and with it a server
 * that a PC could carry words to. Not a list of all: of those that a sign-in page is likely to be at. `whole`: names of
 * customers are deeper than one label.
 */
bool conf_pattern_shared(const char *text)
{
    static const struct {
        const char *domain;
        bool whole;
    } shared[] = {{"b2clogin.com", false},
                  {"ciamlogin.com", false},
                  {"onmicrosoft.com", false},
                  {"azurewebsites.net", true},
                  {"azureedge.net", false},
                  {"azurefd.net", true},
                  {"azurestaticapps.net", true},
                  {"trafficmanager.net", false},
                  {"cloudapp.net", false},
                  {"cloudapp.azure.com", true},
                  {"core.windows.net", true},
                  {"azure-api.net", false},
                  {"cloudfront.net", false},
                  {"amazonaws.com", true},
                  {"awsapprunner.com", true},
                  {"amazoncognito.com", true},
                  {"auth0.com", true},
                  {"okta.com", false},
                  {"onelogin.com", false},
                  {"appspot.com", true},
                  {"run.app", true},
                  {"web.app", false},
                  {"firebaseapp.com", false},
                  {"cloudfunctions.net", false},
                  {"akamaized.net", true},
                  {"akamaihd.net", true},
                  {"edgekey.net", true},
                  {"edgesuite.net", true},
                  {"fastly.net", true},
                  {"workers.dev", true},
                  {"pages.dev", true},
                  {"herokuapp.com", false},
                  {"github.io", false},
                  {"netlify.app", false},
                  {"vercel.app", false},
                  {"force.com", true}};
    if (text[0] != '*' || text[1] != '.')
        return false;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        char below[CONF_FQDN_MAX + 2] = "*.";
        strncat(below, shared[i].domain, CONF_FQDN_MAX - 1);
        if (strcmp(text, below) == 0 || conf_name_covers(text, shared[i].domain) ||
            (shared[i].whole && conf_name_covers(below, text + 2)))
            return true;
    }
    return false;
}

enum cause_code conf_via_wrong(const struct conf_rule *rule)
{
    if (!rule->via_line)
        return CAUSE_NONE;
    if (conf_pattern_shared(rule->name))
        return CAUSE_VALUE_VIA_SHARED;
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == IPPROTO_TCP && !rule->ports[i].tls)
            return CAUSE_VALUE_VIA_WITHOUT_TLS;
    return CAUSE_NONE;
}
