/* Other processes. */
#include "attacker.h"

#include <dirent.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

static void end(char **words) { outcome(kill(atoi(words[0]), SIGKILL)); }

static void trace(char **words) {
    pid_t pid = atoi(words[0]);
    outcome(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
}

static void memory_read(char **words) {
    char here[16];
    struct iovec local = {here, sizeof here}, remote = {(void *)strtoul(words[1], NULL, 16), sizeof here};
    outcome(process_vm_readv(atoi(words[0]), &local, 1, &remote, 1, 0));
}

/* A descriptor of another process. */
static void descriptor_take(char **words) {
    int process = (int)syscall(SYS_pidfd_open, atoi(words[0]), 0);
    outcome(process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, 1, 0));
}

static void abstract_connect(char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(words[0]);
    memcpy(address.sun_path + 1, words[0], length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    outcome(fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)));
}

static void segment_open(char **words) { outcome(shmget((key_t)strtol(words[0], NULL, 16), 0, 0)); }

/* Makes a shared segment, and removes it when its input ends. */
static void segment_make(char **words) {
    char byte;
    int id = shmget((key_t)strtol(words[0], NULL, 16), 4096, IPC_CREAT | 0666);
    outcome(id);
    while (read(0, &byte, 1) > 0) continue;
    shmctl(id, IPC_RMID, NULL);
}

static void identity(char **words) {
    (void)words;
    if (setuid(0) == 0) printf("ok %u\n", geteuid());
    else outcome(-1);
}

/* Whoever comes into the container, from its first moment on: its program is held, and once it ended, its times changed; its memory,
 * root and descriptors are tried. `watch MARK`. */
static void newcomer_try(int pid, const char *mark) {
    char path[64], target[256], text[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return;
    target[length] = '\0';
    if (strstr(target, "attacker") != NULL || strstr(target, "busybox") != NULL) return;
    printf("saw %s\n", target);
    int program = open(path, O_RDONLY);
    if (program >= 0) {
        const struct timespec times[2] = {{1, 0}, {1, 0}};
        for (int i = 0; i < 200 && kill(pid, 0) == 0; i++) usleep(1000);
        if (futimens(program, times) == 0) printf("changed the times of %s\n", target);
        close(program);
    }
    snprintf(path, sizeof path, "/proc/%d/root/%s", pid, mark);
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && (length = read(fd, text, sizeof text - 1)) > 0) printf("ok the node's root: %.*s\n", (int)length, text);
}

static void watch(char **words) {
    printf("watching\n");
    for (;;) {
        DIR *processes = opendir("/proc");
        for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
            int pid = atoi(entry->d_name);
            if (pid > 1 && pid != getpid()) newcomer_try(pid, words[0]);
        }
        if (processes != NULL) closedir(processes);
    }
}

const struct attempt process_attempts[] = {
    {"kill", end}, {"trace", trace}, {"memory", memory_read}, {"take-descriptor", descriptor_take}, {"abstract", abstract_connect},
    {"segment", segment_open}, {"make-segment", segment_make}, {"identity", identity}, {"watch", watch}, {NULL, NULL}};
