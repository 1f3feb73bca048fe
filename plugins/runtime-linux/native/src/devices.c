/* /dev: a small tmpfs. Devices are the node's, bound one by one. No other mount of the container allows devices, so a
 * device made with mknod cannot be opened. A privileged container sees the node's /dev instead. */
#include "monitor.h"

static void inside(char *path, size_t size, const char *name) { snprintf(path, size, "dev/%s", name); }

static void nodes_bind(void) {
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char source[64], target[64];
        snprintf(source, sizeof source, "/dev/%s", names[i]);
        inside(target, sizeof target, names[i]);
        int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) fail("open", target);
        close(fd);
        mount_or_fail(source, target, NULL, MS_BIND, NULL);
    }
}

static void links_make(void) {
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
        {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}, {"/proc/kcore", "core"}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char path[64];
        inside(path, sizeof path, links[i][1]);
        if (symlink(links[i][0], path) < 0 && errno != EEXIST) fail("symlink", path);
    }
}

void devices_mount(const struct spec *spec) {
    root_directory_make("dev");
    if (spec->privileged) {
        mount_or_fail("/dev", "dev", NULL, MS_BIND | MS_REC, NULL);
        mount_or_fail(NULL, "dev", NULL, MS_REC | MS_SLAVE, NULL);
        return;
    }
    mount_or_fail("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=755,size=65536k");
    nodes_bind();
    if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 01777) < 0 || mkdir("dev/mqueue", 01777) < 0)
        fail("mkdir", "/dev/pts, shm, mqueue");
    mount_or_fail("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_or_fail("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k");
    mount_or_fail("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    links_make();
}
