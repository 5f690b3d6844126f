#include "conf.h"
#include "zone.h"

#include <string.h>

void zone_of_site(const char *path)
{
    static struct conf_site site;
    static struct conf_errors errors;
    errors.count = 0;
    (void)conf_load_site(path, &site, &errors);
    explicit_bzero(site.est_password, sizeof site.est_password);
    zone_set(site.zone_min);
}
