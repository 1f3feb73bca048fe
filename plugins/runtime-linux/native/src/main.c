/* timonel-monitor: the native side of runtime-linux. Failures are printed as `E<exit code> <text>`. */
#include "monitor.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments) {
    const char *role = count == 3 ? arguments[1] : "";
    const char *subject = count == 3 ? arguments[2] : "";
    bool session = strcmp(role, "exec") == 0;
    if (!session) syscall(SYS_close_range, 3, ~0U, 0);
    if (session) session_run(subject);
    if (strcmp(role, "container") == 0) container_run(subject);
    if (strcmp(role, "sandbox") == 0) sandbox_run(subject);
    if (strcmp(role, "release") == 0) sandbox_release(subject);
    dprintf(STDERR_FILENO, "usage: timonel-monitor container|sandbox|release DIRECTORY, or exec SPEC-FILE\n"
                           "Started by the plugin runtime-linux, not by hand.\n");
    return 2;
}
