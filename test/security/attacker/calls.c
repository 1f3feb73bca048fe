/* System calls that reach beyond a container: each with arguments that would do something harmless where it is allowed. */
#include "attacker.h"

#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/bpf.h>
#include <linux/reboot.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>

static void user_namespace(char **words) { (void)words; outcome(unshare(CLONE_NEWUSER)); }
static void mount_namespace(char **words) { (void)words; outcome(unshare(CLONE_NEWNS)); }

/* What the struct of clone3(2) says is beyond the sight of a filter. */
static void clone_three(char **words) {
    (void)words;
    uint64_t arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long pid = syscall(SYS_clone3, arguments, sizeof arguments);
    if (pid == 0) _exit(0);
    outcome(pid);
}

static void key_ring(char **words) { (void)words; outcome(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)); }
static void key_add(char **words) { (void)words; outcome(syscall(SYS_add_key, "user", "timonel", "x", 1, KEY_SPEC_PROCESS_KEYRING)); }

static void bpf_map(char **words) {
    (void)words;
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

static void user_faults(char **words) { (void)words; outcome(syscall(SYS_userfaultfd, 1)); }

static void uring(char **words) {
    (void)words;
    char parameters[256] = {0};
    outcome(syscall(SYS_io_uring_setup, 4, parameters));
}

static void perf(char **words) {
    (void)words;
    struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1};
    outcome(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static void kexec(char **words) { (void)words; outcome(syscall(SYS_kexec_load, 0, 0, NULL, 0)); }

/* An empty module gives ENOEXEC where modules may be loaded: that counts as got. */
static void module(char **words) {
    (void)words;
    long result = syscall(SYS_init_module, "", 0, "");
    if (result < 0 && errno == ENOEXEC) got("the kernel looked at the module");
    else outcome(result);
}

static void personality_set(char **words) { (void)words; outcome(personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE)); }
static void vsock(char **words) { (void)words; outcome(socket(40, SOCK_STREAM, 0)); }
static void packet(char **words) { (void)words; outcome(socket(AF_ALG, SOCK_SEQPACKET, 0)); }
static void kernel_log(char **words) { (void)words; char text[64]; outcome(syscall(SYS_syslog, 3, text, sizeof text)); }
static void clock_set(char **words) {
    (void)words;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    outcome(syscall(SYS_clock_settime, CLOCK_REALTIME, &now));
}
static void host_name(char **words) { outcome(sethostname(words[0], strlen(words[0]))); }
static void accounting(char **words) { (void)words; outcome(syscall(SYS_acct, NULL)); }
static void swap(char **words) { outcome(syscall(SYS_swapon, words[0], 0)); }
static void ports(char **words) { (void)words; outcome(syscall(SYS_iopl, 3)); }

/* No restart: CAD_OFF only says that Ctrl-Alt-Del is a signal, as it is. */
static void restart(char **words) { (void)words; outcome(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, NULL)); }

/* The numbers of the x32 side of x86_64, where a filter may have been forgotten: unshare again. */
static void other_abi(char **words) { (void)words; outcome(syscall(0x40000000 | 272, CLONE_NEWUSER)); }

/* The numbers of 32 bits: int 0x80 with unshare(2). */
static void old_abi(char **words) {
    (void)words;
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(310L), "b"((long)CLONE_NEWUSER) : "memory", "r8", "r9", "r10", "r11");
    if (result < 0) { errno = (int)-result; result = -1; }
    outcome(result);
#else
    printf("ENOSYS\n");
#endif
}

static void new_mounts(char **words) { (void)words; outcome(syscall(SYS_fsopen, "tmpfs", 0)); }
static void tree_clone(char **words) { (void)words; outcome(syscall(SYS_open_tree, -100, "/proc", 1)); }

/* Types into every terminal that it finds. */
static void type_into(char **words) {
    bool any = false;
    for (int i = 0; words[i] != NULL; i++) {
        int fd = open(words[i], O_RDWR | O_NOCTTY);
        if (fd < 0) { outcome(-1); continue; }
        for (const char *text = "x"; *text != '\0'; text++) outcome(ioctl(fd, TIOCSTI, text));
        any = true;
    }
    if (!any) printf("none\n");
}

const struct attempt call_attempts[] = {
    {"user-namespace", user_namespace}, {"mount-namespace", mount_namespace}, {"clone3", clone_three}, {"keyctl", key_ring},
    {"add-key", key_add}, {"bpf", bpf_map}, {"userfaultfd", user_faults}, {"io-uring", uring}, {"perf", perf}, {"kexec", kexec},
    {"module", module}, {"personality", personality_set}, {"vsock", vsock}, {"alg", packet}, {"syslog", kernel_log}, {"clock", clock_set},
    {"host-name", host_name}, {"acct", accounting}, {"swapon", swap}, {"iopl", ports}, {"reboot", restart}, {"x32", other_abi},
    {"i386", old_abi}, {"fsopen", new_mounts}, {"open-tree", tree_clone}, {"type-into", type_into}, {NULL, NULL}};
