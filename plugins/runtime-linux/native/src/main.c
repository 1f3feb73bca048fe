/* timonel-monitor: the native side of runtime-linux. Failures are printed as `E<exit code> <text>`. */
#include "monitor.h"

static const char sealed_name[] = "timonel-monitor-sealed";
/* Room for the names of a role and a directory, which ps is to show. */
static char title_room[512];

/* Runs this program again from a read-only mount of its own file. A container can get hold of the executable of a process
 * that joins it (/proc/PID/exe, or `#!/proc/self/exe`); through this mount it cannot write to it. */
static void run_sealed(char **arguments) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    char *environment[] = {NULL};
    char *served[] = {(char *)sealed_name, arguments[1], title_room, NULL};
    if (strcmp(arguments[0], sealed_name) == 0) return;
    int fd = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0) fail("open_tree", "/proc/self/exe");
    if (mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) fail("mount_setattr", "/proc/self/exe");
    arguments[0] = (char *)sealed_name;
    memset(title_room, ' ', sizeof title_room - 1);
    syscall(SYS_execveat, fd, "", strcmp(arguments[1], "serve") == 0 ? served : arguments, environment, AT_EMPTY_PATH);
    fail("execveat", "/proc/self/exe");
}

_Noreturn void role_run(const char *role, const char *directory) {
    if (strcmp(role, "container") == 0) container_run(directory);
    if (strcmp(role, "sandbox") == 0) sandbox_run(directory);
    if (strcmp(role, "release") == 0) directory_release(directory, false);
    if (strcmp(role, "remove") == 0) directory_release(directory, true);
    if (strcmp(role, "recycle") == 0) directory_recycle(directory);
    if (strcmp(role, "mount") == 0) memory_mount(directory);
    if (strcmp(role, "unmount") == 0) memory_unmount(directory);
    fail_text(2, "timonel-monitor has no role '%.64s'", role);
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "dial") == 0) dial_run(arguments[2], arguments[3]);
    const char *role = count >= 2 ? arguments[1] : "";
    bool session = count == 3 && strcmp(role, "exec") == 0;
    if (!session) descriptors_close(3, false);
    bool serves = strcmp(role, "serve") == 0;
    if (session || serves) run_sealed(arguments);
    if (session) session_run(arguments[2]);
    if (serves) serve_run(arguments);
    dprintf(STDERR_FILENO, "usage: timonel-monitor serve, exec SPEC-FILE, or dial NAMESPACE PORT\n"
                           "Started by the plugin runtime-linux, not by hand.\n");
    return 2;
}
