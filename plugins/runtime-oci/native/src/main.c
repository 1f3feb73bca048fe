/* What runtime-oci cannot do from Node: one role a file, each a small process of its own. */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *what, const char *object) {
    fprintf(stderr, "timonel-oci: %s %s: %s\n", what, object, strerror(errno));
    exit(1);
}

_Noreturn void fail_text(const char *text) {
    fprintf(stderr, "timonel-oci: %s\n", text);
    exit(1);
}

int main(int count, char **words) {
    const char *role = count > 1 ? words[1] : "";
    if (strcmp(role, "pause") == 0) pause_run();
    if (strcmp(role, "without") == 0 && count > 3) without_run(words[2], words + 3);
    if (strcmp(role, "idmap") == 0 && count > 4) idmap_run(words[2], words + 3);
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(role, "dial") == 0 && count == 4) dial_run(words[2], words[3]);
    if (strcmp(role, "attach") == 0 && count == 4) attach_run(words[2], words[3]);
    if (strcmp(role, "terminal") == 0 && count > 3) terminal_run(words[2], words + 3);
    fail_text("usage: timonel-oci pause | without MOUNT COMMAND... | idmap USERNS SOURCE TARGET... | dial NETNS PORT | attach DIRECTORY OPTIONS | terminal NAME COMMAND...");
}
