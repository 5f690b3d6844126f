/* sekisho: the command line for people and scripts; on the box also the console. */
#include "log.h"
#include "ops.h"

int main(int argc, char **argv)
{
    log_name("sekisho");
    return ops_run(argc - 1, argv + 1, false);
}
