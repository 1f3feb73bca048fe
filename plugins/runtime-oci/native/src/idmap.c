/* Mounts directories (or files) a second time, with owners shifted as a user namespace shifts them: what belongs to its root on disk
 * belongs to root there. Pairs of source and target; the kernel refuses file systems that cannot do it. */
#include "helper.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/mount.h, which older C libraries do not go together with. */
enum { CLONE_TREE = 1, WHOLE_TREE = 0x8000, EMPTY_PATH = 0x1000, FROM_DESCRIPTOR = 4, SHIFTED = 0x100000 };
struct attributes {
    unsigned long long set, clear, propagation, user_namespace;
};

static void shift(const char *source, const char *target, int user_namespace) {
    struct attributes attributes = {.set = SHIFTED, .user_namespace = (unsigned long long)user_namespace};
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, CLONE_TREE | O_CLOEXEC | WHOLE_TREE);
    if (tree < 0) fail("open_tree", source);
    if (syscall(SYS_mount_setattr, tree, "", EMPTY_PATH | WHOLE_TREE, &attributes, sizeof attributes) < 0) fail("shift the owners of", source);
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, FROM_DESCRIPTOR) < 0) fail("move_mount to", target);
    close(tree);
}

_Noreturn void idmap_run(const char *user_namespace, char **pairs) {
    int fd = open(user_namespace, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("open", user_namespace);
    for (; pairs[0] != NULL && pairs[1] != NULL; pairs += 2) shift(pairs[0], pairs[1], fd);
    _exit(0);
}
