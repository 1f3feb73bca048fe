/* What becomes pid 1 of the container: prepares everything in its new namespaces, waits for `start`, executes. */
#include "monitor.h"

#include <linux/keyctl.h>

/* Lowering the score needs CAP_SYS_RESOURCE, which a nested host may lack: it then stays as it is. */
static void oom_score_set(const char *score) {
    if (score == NULL) return;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) fail("open", "/proc/self/oom_score_adj");
    ssize_t wrote = write(fd, score, strlen(score));
    if (wrote < 0 && errno != EACCES && errno != EPERM) fail("write", "/proc/self/oom_score_adj");
    close(fd);
}

/* In place of that of the agent. */
void keyring_make(void) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS) fail("keyctl", "session keyring");
}

static void signals_reset(void) {
    sigset_t none;
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void stdio_connect(const struct spec *spec, const struct handshake *handshake, const struct identity *identity) {
    if (spec->tty) {
        int console = terminal_open();
        fd_send(handshake->console, console);
        terminal_attach(console);
        return;
    }
    /* whatever a volume at /dev has there, for a writer of it nobody waits */
    int input = handshake->input >= 0 ? handshake->input : open("/dev/null", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (input < 0 || dup2(input, 0) < 0) fail("open", "stdin");
    if (handshake->input < 0 && fcntl(0, F_SETFL, 0) < 0) fail("fcntl", "stdin");
    if (dup2(handshake->output, 1) < 0 || dup2(handshake->error, 2) < 0) fail("dup2", "stdout, stderr");
    /* so that /dev/stdout can be opened by name after the user changed */
    if (handshake->input >= 0 && fchown(0, identity->uid, identity->gid) < 0) fail("fchown", "stdin");
    if (fchown(1, identity->uid, identity->gid) < 0 || fchown(2, identity->uid, identity->gid) < 0)
        fail("fchown", "stdout, stderr");
}

/* Links in /proc may lead past the root to where descriptors point: the kernel then has no path for us. */
void working_directory_enter(const struct spec *spec) {
    char real[PATH_MAX];
    const char *path = spec->cwd == NULL || spec->cwd[0] == '\0' ? "/" : spec->cwd;
    if (chdir(path) < 0) {
        if (errno != ENOENT) fail("chdir", path);
        if (!make_directories(path, 0755)) fail("mkdir", path);
        if (chdir(path) < 0) fail("chdir", path);
    }
    if (syscall(SYS_getcwd, real, sizeof real) < 0 || real[0] != '/')
        fail_text(EXIT_CANNOT_START, "working directory %.256s: is outside of the container's root", path);
}

_Noreturn void init_run(struct spec *spec, const struct handshake *handshake) {
    struct identity identity;
    report_to(handshake->report);
    signals_reset();
    undumpable_become();                    /* until execve nobody inside may look at us */
    umask(0);
    keyring_make();
    oom_score_set(spec->oom_score_adj);
    limits_apply(spec);
    namespace_join(spec->ns_net, CLONE_NEWNET);
    namespace_join(spec->ns_ipc, CLONE_NEWIPC);
    namespace_join(spec->ns_uts, CLONE_NEWUTS);
    cgroup_join(&spec->cgroups);
    rootfs_prepare(spec);
    user_namespace_enter(spec, handshake);
    if (setsid() < 0) fail("setsid", "container");
    rootfs_enter(spec);
    umask(022);
    identity_resolve(spec, &identity);
    stdio_connect(spec, handshake, &identity);
    working_directory_enter(spec);
    if (spec->readonly_root && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | (spec->privileged ? 0 : MS_NODEV), NULL) < 0)
        fail("mount read-only", "/");
    privileges_apply(spec, &identity);
    /* a change of credentials clears it, so only now */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("prctl", "PR_SET_PDEATHSIG");
    if (write(handshake->report, "R", 1) != 1) _exit(1);
    if (!wait_byte(handshake->go)) _exit(1);
    descriptors_close(3, true);
    command_execute(spec, &identity);
}
