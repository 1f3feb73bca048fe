/* Runs a command in a mount namespace without one mount: crun refuses a node whose cgroup2 tree has controllers beside v1. All
 * other mounts stay shared as they are, so that volumes go on to propagate both ways. */
#include "helper.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

_Noreturn void without_run(const char *mount_point, char **command) {
    char above[PATH_MAX];
    const char *slash = strrchr(mount_point, '/');
    if (slash == NULL || slash == mount_point || strlen(mount_point) >= sizeof above) fail_text("without: not a mount point");
    snprintf(above, sizeof above, "%.*s", (int)(slash - mount_point), mount_point);
    if (unshare(CLONE_NEWNS) < 0) fail("unshare", "mount namespace");
    /* An unmount goes to the peers of the mount above: those are left first. It may be no mount of its own. */
    if (mount(NULL, above, NULL, MS_PRIVATE, NULL) < 0 && errno != EINVAL) fail("make private", above);
    if (mount(NULL, mount_point, NULL, MS_PRIVATE, NULL) < 0 && errno != EINVAL) fail("make private", mount_point);
    if (umount2(mount_point, MNT_DETACH) < 0) fail("unmount", mount_point);
    execvp(command[0], command);
    fail("execute", command[0]);
}
