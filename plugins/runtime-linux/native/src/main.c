/* timonel-monitor: the native side of runtime-linux. Failures are printed as `E<exit code> <text>`. */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char sealed_name[] = "timonel-monitor-sealed";

/* Runs this program again from a read-only mount of its own file. A container can get hold of the executable of a process
 * that joins it (/proc/PID/exe, or `#!/proc/self/exe`); through this mount it cannot write to it. */
static void run_sealed(char **arguments) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    char *environment[] = {NULL};
    if (strcmp(arguments[0], sealed_name) == 0) return;
    int fd = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0) fail("open_tree", "/proc/self/exe");
    if (mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) fail("mount_setattr", "/proc/self/exe");
    arguments[0] = (char *)sealed_name;
    syscall(SYS_execveat, fd, "", arguments, environment, AT_EMPTY_PATH);
    fail("execveat", "/proc/self/exe");
}

_Noreturn void role_run(const char *role, const char *directory) {
    if (strcmp(role, "container") == 0) container_run(directory);
    if (strcmp(role, "sandbox") == 0) sandbox_run(directory);
    if (strcmp(role, "release") == 0) sandbox_release(directory);
    fail_text(2, "timonel-monitor has no role '%.64s'", role);
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "dial") == 0) dial_run(arguments[2], arguments[3]);
    const char *role = count >= 2 ? arguments[1] : "";
    bool session = count == 3 && strcmp(role, "exec") == 0;
    if (!session) syscall(SYS_close_range, 3, ~0U, 0);
    if (session || (count == 2 && strcmp(role, "serve") == 0)) run_sealed(arguments);
    if (session) session_run(arguments[2]);
    if (count == 2 && strcmp(role, "serve") == 0) serve_run();
    dprintf(STDERR_FILENO, "usage: timonel-monitor serve, exec SPEC-FILE, or dial NAMESPACE PORT\n"
                           "Started by the plugin runtime-linux, not by hand.\n");
    return 2;
}
