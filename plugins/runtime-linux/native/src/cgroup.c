#include "monitor.h"

/* Each file is `tasks` (v1) or `cgroup.procs` (v2). "0" means the caller, which has one thread: with `tasks` the kernel
 * then needs no system-wide lock, whose first taking costs a grace period of several ms. */
void cgroup_join(const struct list *files) {
    for (size_t i = 0; i < files->length; i++) write_text(files->items[i], "0");
}

/* The counter `oom_kill` of memory.oom_control (v1) or memory.events (v2). */
bool cgroup_oom_killed(const char *file) {
    char text[1024];
    int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) return false;
    text[length] = '\0';
    const char *counter = strstr(text, "oom_kill ");
    return counter != NULL && strtoull(counter + strlen("oom_kill "), NULL, 10) > 0;
}

/* What the main process left behind in a shared pid namespace. New ones may appear while we read: a few rounds. */
void cgroup_kill_all(const struct list *files) {
    if (files->length == 0) return;
    for (int round = 0; round < 10; round++) {
        FILE *file = fopen(files->items[0], "re");
        int pid, found = 0;
        if (file == NULL) return;
        while (fscanf(file, "%d", &pid) == 1)
            if (pid > 0 && kill(pid, SIGKILL) == 0) found++;
        fclose(file);
        if (found == 0) return;
        usleep(2000);
    }
}
