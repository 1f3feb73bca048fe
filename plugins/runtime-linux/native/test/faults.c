/* Makes one call fail. The file FAULT holds `DEPTH NUMBER`: DEPTH 1 is a job of the launcher, 2 a process that it makes, 3 one that this
 * makes; NUMBER the call, from 1, that fails there. With `k` behind it that process is killed there, with `p` its parent. The plan is for one job: the first to read it
 * removes it. The name of the call that failed stands in the file FAULT.hit, which is empty when there were fewer. */
#include "monitor.h"

enum { HIT_FD = 900 };

static int depth, wanted_depth, wanted, calls, hit_fd = -1;
static char kind;
static pid_t process;
static bool asking;

static void plan_read(void) {
    char text[64] = "";
    int fd = open(FAULT, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, text, sizeof text - 1) <= 0 || sscanf(text, "%d %d %c", &wanted_depth, &wanted, &kind) < 2) wanted_depth = 0;
    close(fd);
    unlink(FAULT);
}

/* Kept open, as its path is gone with the root. */
static void hit_open(void) {
    int fd = open(FAULT ".hit", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    hit_fd = fcntl(fd, F_DUPFD_CLOEXEC, HIT_FD);
    close(fd);
}

static void process_begin(void) {
    depth = process == 0 ? 0 : depth + 1;
    process = getpid();
    calls = 0;
    if (depth == 1) plan_read();
    if (depth > 0 && depth == wanted_depth) hit_open();
}

static bool fails(const char *name) {
    if (asking) return false;
    asking = true;
    if (process != getpid()) process_begin();
    bool here = depth > 0 && depth == wanted_depth && ++calls == wanted;
    if (here && write(hit_fd, name, strlen(name)) < 0) {
        hit_open();                         /* our descriptor was closed with others */
        if (write(hit_fd, name, strlen(name)) < 0) here = false;
    }
    asking = false;
    if (here && kind == 'k') kill(getpid(), SIGKILL);
    if (here && kind == 'p') { kill(getppid(), SIGKILL); return false; }
    if (here) errno = EIO;
    return here;
}

/* Every call fits: six words at most, and one as result. */
#define FAILS_WITH(failed, name) \
    long __real_##name(long, long, long, long, long, long); \
    long __wrap_##name(long, long, long, long, long, long); \
    long __wrap_##name(long a, long b, long c, long d, long e, long f) { \
        return fails(#name) ? failed : __real_##name(a, b, c, d, e, f); \
    }

FAILS_WITH(-1, open) FAILS_WITH(-1, openat) FAILS_WITH(-1, mkdir) FAILS_WITH(-1, mkdirat) FAILS_WITH(-1, mkfifo) FAILS_WITH(-1, mknod)
FAILS_WITH(-1, symlink) FAILS_WITH(-1, chdir) FAILS_WITH(-1, fchdir) FAILS_WITH(-1, chown) FAILS_WITH(-1, fchown)
FAILS_WITH(-1, fchownat) FAILS_WITH(-1, renameat) FAILS_WITH(-1, pipe2) FAILS_WITH(-1, fork) FAILS_WITH(-1, socketpair) FAILS_WITH(-1, socket)
FAILS_WITH(-1, bind) FAILS_WITH(-1, listen) FAILS_WITH(-1, mount) FAILS_WITH(-1, umount2) FAILS_WITH(-1, open_tree)
FAILS_WITH(-1, move_mount) FAILS_WITH(-1, mount_setattr) FAILS_WITH(-1, fsopen) FAILS_WITH(-1, fsconfig)
FAILS_WITH(-1, fsmount) FAILS_WITH(-1, unshare) FAILS_WITH(-1, setns) FAILS_WITH(-1, chroot)
FAILS_WITH(-1, sethostname) FAILS_WITH(-1, ioctl) FAILS_WITH(-1, setgroups) FAILS_WITH(-1, setresgid)
FAILS_WITH(-1, setresuid) FAILS_WITH(-1, setrlimit) FAILS_WITH(-1, prctl) FAILS_WITH(-1, syscall)
FAILS_WITH(-1, signalfd) FAILS_WITH(-1, dup2) FAILS_WITH(-1, fcntl) FAILS_WITH(-1, setsid) FAILS_WITH(-1, fstat)
FAILS_WITH(-1, lstat)
