#include "monitor.h"

#include <stdarg.h>
#include <time.h>

void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) fail("open", path);
    size_t length = strlen(text);
    if (write(fd, text, length) != (ssize_t)length) fail("write", path);
    close(fd);
}

bool make_directories(const char *path, mode_t mode) {
    char partial[PATH_MAX];
    if (strlen(path) >= sizeof partial) { errno = ENAMETOOLONG; return false; }
    strcpy(partial, path);
    for (char *slash = partial + 1; *slash != '\0'; slash++) {
        if (*slash != '/') continue;
        *slash = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST) return false;
        *slash = '/';
    }
    return mkdir(partial, mode) == 0 || errno == EEXIST;
}

/* Those of a file. */
bool parents_make(const char *path) {
    char parent[PATH_MAX];
    if (strlen(path) >= sizeof parent) { errno = ENAMETOOLONG; return false; }
    strcpy(parent, path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent) return true;
    *slash = '\0';
    return make_directories(parent, 0755);
}

/* A directory or an empty file to mount on, with its parents. Called inside of the container's root only. */
void make_mount_point(const char *path, bool directory) {
    if (directory) {
        if (!make_directories(path, 0755)) fail("mkdir", path);
        return;
    }
    if (!parents_make(path)) fail("mkdir of the parents of", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    if (fd >= 0) { close(fd); return; }
    struct stat status;                     /* a socket, a busy binary: it is there, which is all a mount needs */
    int error = errno;
    if (stat(path, &status) == 0) return;
    errno = error;
    fail("open", path);
}

/* Field 22 of /proc/PID/stat: with it a pid names one process for ever. */
unsigned long long process_start_time(pid_t pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0) fail("read", path);
    close(fd);
    text[length] = '\0';
    char *field = strrchr(text, ')');       /* the name before it may hold blanks */
    for (int number = 2; field != NULL && number < 22; number++) field = strchr(field + 1, ' ');
    return field == NULL ? 0 : strtoull(field, NULL, 10);
}

/* Complete or absent. */
void record_write(int directory, const char *name, const char *format, ...) {
    char text[2048], temporary[64];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof text) length = sizeof text - 1;
    snprintf(temporary, sizeof temporary, "%s.new", name);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail("open", temporary);
    if (write(fd, text, (size_t)length) != length) fail("write", temporary);
    close(fd);
    if (renameat(directory, temporary, directory, name) < 0) fail("rename", temporary);
}

void record_sync(int directory, const char *name) {
    const char *paths[] = {name, "."};
    for (size_t i = 0; i < 2; i++) {
        int fd = openat(directory, paths[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        fsync(fd);
        close(fd);
    }
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* These and all above: now, or when a program is executed. */
void descriptors_close(unsigned first, bool at_execution) {
    if (syscall(SYS_close_range, first, ~0U, at_execution ? 1U << 2 : 0) < 0) fail("close_range", "descriptors");
}

/* False: the other side is gone. */
bool wait_byte(int fd) {
    char byte;
    ssize_t got;
    do got = read(fd, &byte, 1);
    while (got < 0 && errno == EINTR);
    return got == 1;
}
