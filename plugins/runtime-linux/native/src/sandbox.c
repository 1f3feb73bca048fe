/* What the containers of a pod share. Namespaces are held by bind mounts under `ns/`, so a sandbox costs no process; only
 * a shared pid namespace needs one: its pid 1, which reaps. `ns` is a file system of its own: all goes with one unmount. */
#include "monitor.h"

#include <net/if.h>
#include <sys/ioctl.h>

enum { BUSY_MS = 3000, BUSY_RETRY_US = 5000 };

void namespace_join(const char *path, int kind) {
    if (path == NULL) return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("open", path);
    if (setns(fd, kind) < 0) fail("setns", path);
    close(fd);
}

static void namespace_hold(pid_t pid, const char *name) {
    char source[64], target[64];
    snprintf(source, sizeof source, "/proc/%d/ns/%s", pid, name);
    snprintf(target, sizeof target, "ns/%s", name);
    int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) fail("open", target);
    close(fd);
    mount_or_fail(source, target, NULL, MS_BIND, NULL);
}

static void loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) fail("ioctl SIOCGIFFLAGS", "lo");
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) fail("ioctl SIOCSIFFLAGS", "lo");
    close(fd);
}

/* `net.core.somaxconn=1024`; a slash in the name stands for itself (interface names may hold dots). */
static void sysctl_set(const char *setting) {
    char path[256] = "/proc/sys/";
    const char *equals = strchr(setting, '=');
    size_t length = equals == NULL ? 0 : (size_t)(equals - setting);
    if (length == 0 || length + 11 > sizeof path || strstr(setting, "..") != NULL)
        fail_text(EXIT_CANNOT_START, "sysctl: '%s' is not 'name=value'", setting);
    bool slashes = memchr(setting, '/', length) != NULL;
    for (size_t i = 0; i < length; i++) path[10 + i] = setting[i] == '.' && !slashes ? '/' : setting[i];
    write_text(path, equals + 1);
}

/* The pause process sees an empty, read-only root and has no rights: processes of the pod, which may trace it, gain nothing. */
static void rights_leave(bool by_chroot) {
    if (unshare(CLONE_NEWNS) < 0) fail("unshare", "mount");
    mount_or_fail(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    int context = fsopen("tmpfs", FSOPEN_CLOEXEC), root = -1;
    if (context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        root = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (root < 0) fail("fsmount", "tmpfs");
    if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) fail("move_mount", "tmpfs");
    if (fchdir(root) < 0) fail("fchdir", "tmpfs");
    root_switch(by_chroot);
    capabilities_drop();
}

/* The pid 1 of a shared pid namespace. With SIGCHLD ignored the kernel reaps what is handed over to it. */
static _Noreturn void pause_run(const struct spec *spec) {
    setsid();
    prctl(PR_SET_NAME, "timonel-pause");
    undumpable_become();
    rights_leave(spec->root_by_chroot);
    descriptors_close(0, false);
    signal(SIGCHLD, SIG_IGN);
    for (;;) pause();
}

static void namespaces_hold(const struct spec *spec, pid_t pid) {
    namespace_hold(pid, "uts");
    if (spec->ipc_namespace) namespace_hold(pid, "ipc");
    if (spec->net_namespace) namespace_hold(pid, "net");
}

static void pause_record(pid_t pid) {
    namespace_hold(pid, "pid");
    record_write(AT_FDCWD, "pause", "pid %d\nstartTime %llu\n", pid, process_start_time(pid));
}

static void pid_namespace_make(const struct spec *spec) {
    int go[2];
    if (pipe2(go, O_CLOEXEC) < 0) fail("pipe2", "sandbox");
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0) fail("clone", "CLONE_NEWPID");
    if (pid == 0) {
        close(go[1]);
        if (!wait_byte(go[0])) _exit(1);
        pause_run(spec);
    }
    pause_record(pid);
    if (write(go[1], "g", 1) != 1) fail("write", "sandbox pipe");
}

/* In the new namespaces. */
static void namespaces_set_up(const struct spec *spec) {
    if (spec->hostname != NULL && sethostname(spec->hostname, strlen(spec->hostname)) < 0) fail("sethostname", spec->hostname);
    if (spec->net_namespace) loopback_up();
    for (size_t i = 0; i < spec->sysctls.length; i++) sysctl_set(spec->sysctls.items[i]);
}

/* The namespaces must be made from within the user namespace, and held from outside of it. */
static void user_namespace_make(const struct spec *spec, int kinds) {
    int go[2], ready[2];
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) fail("pipe2", "sandbox");
    int all = CLONE_NEWUSER | kinds | (spec->pid_namespace ? CLONE_NEWPID : 0) | SIGCHLD;
    pid_t pid = (pid_t)syscall(SYS_clone, all, NULL, NULL, NULL, NULL);
    if (pid < 0) fail("clone", "CLONE_NEWUSER");
    if (pid == 0) {
        close(go[1]);
        close(ready[0]);
        if (!wait_byte(go[0])) _exit(1);
        user_namespace_root();
        namespaces_set_up(spec);
        if (write(ready[1], "r", 1) != 1 || !wait_byte(go[0]) || !spec->pid_namespace) _exit(0);
        pause_run(spec);
    }
    close(ready[1]);
    user_namespace_map(spec, pid);
    if (write(go[1], "g", 1) != 1) fail("write", "sandbox pipe");
    if (!wait_byte(ready[0])) _exit(1);     /* it has said why */
    namespace_hold(pid, "user");
    namespaces_hold(spec, pid);
    if (spec->pid_namespace) pause_record(pid);
    if (write(go[1], "g", 1) != 1) fail("write", "sandbox pipe");
}

static void private_memory_mount(const char *path, const char *options) {
    mount_or_fail("timonel", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
    mount_or_fail(NULL, path, NULL, MS_PRIVATE, NULL);
}

/* `ns/shm` is what its containers have as /dev/shm. */
static void holder_make(const struct spec *spec) {
    if (mkdir("ns", 0700) < 0) fail("mkdir", "ns");
    private_memory_mount("ns", "mode=0700,size=65536k");
    if (spec->ipc_namespace && mkdir("ns/shm", 01777) < 0) fail("mkdir", "ns/shm");
}

_Noreturn void sandbox_run(const char *directory) {
    struct spec spec;
    if (chdir(directory) < 0) fail("chdir", directory);
    spec_read(&spec, "spec");
    umask(0);
    holder_make(&spec);
    int kinds = CLONE_NEWUTS | (spec.net_namespace ? CLONE_NEWNET : 0) | (spec.ipc_namespace ? CLONE_NEWIPC : 0);
    if (spec.id_count > 0) {
        user_namespace_make(&spec, kinds);
    } else {
        if (unshare(kinds) < 0) fail("unshare", "net, ipc, uts");
        namespaces_set_up(&spec);
        namespaces_hold(&spec, getpid());
        if (spec.pid_namespace) pid_namespace_make(&spec);
    }
    job_end();
}

/* Undoes sandbox_run from any state it may have been left in. */
_Noreturn void directory_release(const char *directory, bool with_files) {
    if (chdir(directory) == 0) {
        while (umount2("ns", MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
        if (!tree_remove(AT_FDCWD, with_files ? directory : "ns")) fail("remove", directory);
    } else if (errno != ENOENT) {
        fail("chdir", directory);
    }
    job_end();
}

/* For what need not outlive a boot. Larger than a few kB for each container only when their arguments are. */
_Noreturn void memory_mount(const char *directory) {
    private_memory_mount(directory, "mode=0700,size=25%");
    job_end();
}

/* Whoever still uses it holds it: monitors that are dying, for a moment, or another runtime. */
_Noreturn void memory_unmount(const char *directory) {
    int64_t end = now_ms() + BUSY_MS;
    while (umount2(directory, UMOUNT_NOFOLLOW) < 0) {
        if (errno != EBUSY || now_ms() >= end) fail("umount2", directory);
        usleep(BUSY_RETRY_US);
    }
    if (rmdir(directory) < 0) fail("rmdir", directory);
    job_end();
}
