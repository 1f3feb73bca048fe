/* The container's root: overlay of the image's layers, pivot_root into it, and what the OCI runtime specification wants
 * there. Sources of mounts are opened outside, targets are resolved inside: no link of an image can lead out. */
#include "monitor.h"

void mount_or_fail(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    if (mount(source, target, type, flags, data) == 0) return;
    char call[64];
    snprintf(call, sizeof call, "mount %s on", type != NULL ? type : (flags & MS_BIND) != 0 ? "bind" : "propagation");
    fail(call, target);
}

/* A layer whose files belong to the pod's ids. Older kernels take for layers only what is mounted: all are, where the root comes above them. */
static int layer_map(const struct spec *spec, int layer, const char *name) {
    int tree = open_tree(layer, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0) fail("open_tree", name);
    close(layer);
    mount_map(spec, tree, name);
    if (move_mount(tree, "", AT_FDCWD, "rootfs", MOVE_MOUNT_F_EMPTY_PATH) < 0) fail("move_mount", name);
    return tree;
}

/* Layers are named by descriptor: short (the options have one page) and free of characters that need escaping. */
static void overlay_mount(const struct spec *spec) {
    char options[4096] = "lowerdir=";
    int layers[512];
    size_t used = strlen(options), count = spec->layers.length;
    if (count == 0) fail_text(EXIT_CANNOT_START, "the image has no layers");
    for (size_t i = 0; i < count; i++) {
        int fd = open(spec->layers.items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) fail("open layer", spec->layers.items[i]);
        if (spec->ns_user != NULL) fd = layer_map(spec, fd, spec->layers.items[i]);
        used += (size_t)snprintf(options + used, sizeof options - used, "%s/proc/self/fd/%d", i == 0 ? "" : ":", fd);
        if (i + 1 == sizeof layers / sizeof *layers || used >= sizeof options)
            fail_text(EXIT_CANNOT_START, "the image has too many layers: %zu", count);
        layers[i] = fd;
    }
    int state = open(spec->state, O_PATH | O_DIRECTORY | O_CLOEXEC);    /* anew: the kernel wants it by a mount of this namespace */
    if (state < 0) fail("open", spec->state);
    /* volatile: what a container wrote does not outlive its boot, and its end need not wait until all files of the disk are written.
     * trusted attributes are the machine's root's: overlayfs notes what it must in those of users, where ours is none */
    int length = snprintf(options + used, sizeof options - used, ",upperdir=/proc/self/fd/%d/upper,workdir=/proc/self/fd/%d/work,volatile%s", state,
                          state, spec->rootless ? ",userxattr" : "");
    if (length < 0 || used + (size_t)length >= sizeof options) fail_text(EXIT_CANNOT_START, "the image has too many layers: %zu", count);
    mount_or_fail("overlay", "rootfs", "overlay", spec->privileged ? 0 : MS_NODEV, options);
    for (size_t i = 0; i < count; i++) close(layers[i]);        /* through /proc/self/fd they would lead out of the root */
    close(state);
    close(spec->state_fd);
}

static void mount_attributes_set(const struct mount *each, uint64_t set, uint64_t propagation, unsigned how) {
    struct mount_attr attributes = {.attr_set = set, .propagation = propagation};
    if (mount_setattr(each->tree, "", AT_EMPTY_PATH | how, &attributes, sizeof attributes) < 0) fail("mount_setattr", each->source);
}

/* Copies of the mount trees, made in the node's mount namespace so that rshared stays a peer of the node's mount. Options begin
 * with `w` (to write), `r` (read only), `R` (what is mounted below it too) or `d` (a device, which
 * can be written to all the same, but its mode is the node's). */
static void mounts_open(struct spec *spec) {
    for (size_t i = 0; i < spec->mount_count; i++) {
        struct mount *each = &spec->mounts[i];
        if (each->source == NULL || each->target == NULL) fail_text(EXIT_CANNOT_START, "spec: a mount lacks source or target");
        char kind = each->options[0];
        each->tree = open_tree(AT_FDCWD, each->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (kind == 'd' ? 0 : AT_RECURSIVE));
        if (each->tree < 0) fail("open_tree", each->source);
        uint64_t flags = (kind == 'R' || kind == 'd' ? MOUNT_ATTR_RDONLY : 0) | (kind == 'd' || spec->privileged ? 0 : MOUNT_ATTR_NODEV);
        uint64_t propagation = strstr(each->options, "rshared") != NULL ? MS_SHARED : strstr(each->options, "rslave") != NULL ? MS_SLAVE : MS_PRIVATE;
        mount_attributes_set(each, flags, propagation, AT_RECURSIVE);
        if (kind == 'r') mount_attributes_set(each, MOUNT_ATTR_RDONLY, 0, 0);
        if (kind != 'd') mount_map(spec, each->tree, each->source);
    }
}

/* The kernel says no more than "Invalid argument" of a file over a directory and of a directory over a file. */
_Noreturn static void mount_failed(const char *target, bool is_directory) {
    int error = errno;
    struct stat there;
    if (error == EINVAL && stat(target, &there) == 0 && S_ISDIR(there.st_mode) != is_directory)
        fail_text(EXIT_CANNOT_START, "cannot mount %s at %s, where the container has %s: choose another mountPath or subPath",
                  is_directory ? "a directory" : "a file", target, is_directory ? "a file" : "a directory");
    errno = error;
    fail("move_mount", target);
}

static void mounts_attach(const struct spec *spec) {
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct mount *each = &spec->mounts[i];
        struct stat status;
        if (fstat(each->tree, &status) < 0) fail("fstat", each->source);
        make_mount_point(each->target, S_ISDIR(status.st_mode));
        if (move_mount(each->tree, "", AT_FDCWD, each->target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
            mount_failed(each->target, S_ISDIR(status.st_mode));
        close(each->tree);
    }
}

/* pivot_root with the old root stacked on the new one, then dropped. It cannot work when the node's root is the initial
 * ramfs: there, and where the spec asks for it, the new root is moved over it and entered by chroot. */
void root_switch(bool by_chroot) {
    if (!by_chroot && syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) < 0) fail("umount2", "old root");
    } else {
        if (!by_chroot && errno != EINVAL) fail("pivot_root", "rootfs");
        mount_or_fail(".", "/", NULL, MS_MOVE, NULL);
        if (chroot(".") < 0) fail("chroot", "rootfs");
    }
    if (chdir("/") < 0) fail("chdir", "/");
}

/* `name:type:options`: name "" is the one tree of cgroup v2. */
static void cgroups_mount(const struct spec *spec) {
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
    if (spec->cgroup_mounts.length == 0) return;
    if (strcmp(spec->cgroup_mounts.items[0], "v2") == 0) {
        mount_or_fail("cgroup2", "/sys/fs/cgroup", "cgroup2", flags, NULL);
        return;
    }
    mount_or_fail("tmpfs", "/sys/fs/cgroup", "tmpfs", flags & ~(unsigned long)MS_RDONLY, "mode=755,size=64k");
    for (size_t i = 0; i < spec->cgroup_mounts.length; i++) {
        char path[128];
        const char *name = spec->cgroup_mounts.items[i];
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s", name);
        make_mount_point(path, true);
        mount_or_fail("cgroup", path, "cgroup", flags, name);
    }
    mount_or_fail(NULL, "/sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

/* Before the root is switched: proc, sysfs and the null device are fresh, where a volume could later show something else by that name,
 * and have it appear in place of what is to be hidden. Where the container has no null device of its own yet, the node's stands in, read
 * only: its mode could be changed through the mask, else. */
static void paths_restrict(const struct spec *spec) {
    bool own = spec->nodes.length > 0;
    for (size_t i = 0; i < spec->masked.length; i++) {
        const char *path = spec->masked.items[i] + 1;
        if (mount(own ? "dev/null" : "/dev/null", path, NULL, MS_BIND, NULL) == 0) {
            if (!own) mount_or_fail(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL);
            continue;
        }
        if (errno == ENOENT) continue;      /* this kernel does not have it */
        if (errno != ENOTDIR) fail("mask", path);
        mount_or_fail("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0k");
    }
    for (size_t i = 0; i < spec->readonly_paths.length; i++) {
        const char *path = spec->readonly_paths.items[i] + 1;
        if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) {
            if (errno == ENOENT) continue;
            fail("mount read-only", path);
        }
        mount_or_fail(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    }
}

/* Called before the root is switched: a link of the image would lead out. */
void root_directory_make(const char *name) {
    struct stat status;
    if (mkdir(name, 0755) < 0 && errno != EEXIST) fail("mkdir", name);
    if (lstat(name, &status) < 0) fail("lstat", name);
    if (!S_ISDIR(status.st_mode)) fail_text(EXIT_CANNOT_START, "/%s of the image is not a directory", name);
}

/* What needs the node's rights. Ends in the new root, which is the working directory from then on. */
void rootfs_prepare(struct spec *spec) {
    mounts_open(spec);
    if (unshare(CLONE_NEWNS | (spec->ns_user == NULL ? CLONE_NEWCGROUP : 0)) < 0) fail("unshare", "mount, cgroup");
    mount_or_fail(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
    if (spec->ns_user != NULL && fchownat(spec->state_fd, "upper", spec->first_uid, spec->first_gid, AT_SYMLINK_NOFOLLOW) < 0) fail("chown", "upper");
    overlay_mount(spec);
    if (chdir("rootfs") < 0) fail("chdir", "rootfs");
}

/* In a user namespace the kernel allows proc and sysfs only beside others of their kind: so before the old root is gone. */
void rootfs_enter(const struct spec *spec) {
    root_directory_make("proc");
    mount_or_fail("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    root_directory_make("sys");
    mount_or_fail("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | (spec->privileged ? 0 : MS_RDONLY), NULL);
    devices_mount(spec);
    paths_restrict(spec);
    root_switch(spec->root_by_chroot);
    cgroups_mount(spec);
    mounts_attach(spec);
}
