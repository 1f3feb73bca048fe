/* /dev: a small tmpfs. Devices are made there, or are the node's, bound one by one. No other mount of the container allows
 * devices, so a device made with mknod cannot be opened. */
#include "monitor.h"

#include <sys/sysmacros.h>

static void links_make(void) {
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
        {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}, {"/proc/kcore", "core"}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char path[64];
        snprintf(path, sizeof path, "dev/%s", links[i][1]);
        if (symlink(links[i][0], path) < 0 && errno != EEXIST) fail("symlink", path);
    }
}

/* `mode major minor uid gid path`, with the mode as stat(2) has it and the path in /dev. */
static void nodes_make(const struct spec *spec) {
    for (size_t i = 0; i < spec->nodes.length; i++) {
        unsigned mode, major_number, minor_number, uid, gid;
        int at = 0;
        const char *node = spec->nodes.items[i];
        if (sscanf(node, "%u %u %u %u %u /%n", &mode, &major_number, &minor_number, &uid, &gid, &at) != 5 || at == 0)
            fail_text(EXIT_CANNOT_START, "spec: the device '%s' is not 'mode major minor uid gid path'", node);
        const char *path = node + at, *name = strrchr(path, '/');
        char parent[PATH_MAX];
        snprintf(parent, sizeof parent, "%.*s", name == NULL ? 0 : (int)(name - path), path);
        if (strcmp(parent, "dev") != 0 && !make_directories(parent, 0755)) fail("mkdir", parent);
        if (mknod(path, mode, makedev(major_number, minor_number)) < 0) fail("mknod", path);
        if ((uid != 0 || gid != 0) && chown(path, uid, gid) < 0) fail("chown", path);
    }
}

/* Group 5 is `tty`. Where one id alone is there, terminals are of its group. */
static void terminals_mount(void) {
    const unsigned long flags = MS_NOSUID | MS_NOEXEC;
    if (mount("devpts", "dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620,gid=5") == 0) return;
    if (errno != EINVAL) fail("mount devpts on", "dev/pts");
    mount_or_fail("devpts", "dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620");
}

/* Where nodes are named, control groups say which of them can be opened; else devices are mounted, as others may be. */
void devices_mount(const struct spec *spec) {
    bool makes = spec->nodes.length > 0;
    root_directory_make("dev");
    mount_or_fail("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME | (makes ? 0 : MS_NODEV), "mode=755,size=65536k");
    nodes_make(spec);
    if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 01777) < 0 || mkdir("dev/mqueue", 01777) < 0)
        fail("mkdir", "/dev/pts, shm, mqueue");
    terminals_mount();
    mount_or_fail("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    links_make();
}
