/* Pods with a user namespace of their own: their root is an ordinary user of the node. Whatever needs the node's rights
 * (limits, control groups, the overlay, mapped mounts) is done before a process enters the namespace; the rest is done inside. */
#include "monitor.h"

#include <grp.h>

void user_namespace_map(const struct spec *spec, pid_t pid) {
    const struct { const char *name; unsigned first; } maps[] = {{"uid_map", spec->first_uid}, {"gid_map", spec->first_gid}};
    for (size_t i = 0; i < 2; i++) {
        char path[64], text[64];
        snprintf(path, sizeof path, "/proc/%d/%s", pid, maps[i].name);
        snprintf(text, sizeof text, "0 %u %u", maps[i].first, spec->id_count);
        write_text(path, text);
    }
}

/* The root of the namespace just entered, in place of an id that it does not know. */
void user_namespace_root(void) {
    if (setgroups(0, NULL) < 0) fail("setgroups", "user namespace");
    if (setresgid(0, 0, 0) < 0) fail("setresgid", "user namespace");
    if (setresuid(0, 0, 0) < 0) fail("setresuid", "user namespace");
    undumpable_become();
}

/* Files of a detached mount belong to the pod's ids as they belong to the node's: 0 is the pod's root. */
void mount_map(const struct spec *spec, int tree, const char *name) {
    static int namespace = -1;
    if (spec->ns_user == NULL) return;
    if (namespace < 0 && (namespace = open(spec->ns_user, O_RDONLY | O_CLOEXEC)) < 0) fail("open", spec->ns_user);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)namespace};
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) == 0) return;
    if (errno == EINVAL)
        fail_text(EXIT_CANNOT_START, "mount_setattr %s: its file system, or one mounted below it, cannot map ids for a pod with hostUsers: false", name);
    fail("mount_setattr ids", name);
}

/* A pid namespace belongs to the user namespace of who makes it, so a second process makes it from inside, as a child of the
 * monitor: this one tells the monitor its pid and ends, at which the second goes on. */
static void pid_namespace_enter(int report) {
    int told[2];
    if (pipe2(told, O_CLOEXEC) < 0) fail("pipe2", "user namespace");
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0) fail("clone", "CLONE_NEWPID");
    if (pid > 0) {
        dprintf(report, "P%d\n", pid);
        _exit(0);
    }
    close(told[1]);
    wait_byte(told[0]);
    close(told[0]);
}

/* The working directory is the new root, mounted with the node's rights: a mount of it is made that belongs to this side. */
static void root_take_over(void) {
    int tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) fail("open_tree", "rootfs");
    if (move_mount(tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0) fail("move_mount", "rootfs");
    if (fchdir(tree) < 0) fail("fchdir", "rootfs");
    close(tree);
}

void user_namespace_enter(const struct spec *spec, const struct handshake *handshake) {
    const int streams[] = {handshake->input, handshake->output, handshake->error};
    if (spec->ns_user == NULL) return;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        if (streams[i] >= 0 && fchown(streams[i], spec->first_uid, spec->first_gid) < 0) fail("fchown", "stdio");
    namespace_join(spec->ns_user, CLONE_NEWUSER);
    if (spec->ns_pid == NULL) pid_namespace_enter(handshake->report);
    user_namespace_root();
    if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0) fail("unshare", "mount, cgroup");
    root_take_over();
}
