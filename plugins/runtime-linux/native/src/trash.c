/* Directories of containers that are gone, in the folder `trash` of the data directory. What a file system such as ext4 takes longest
 * for is to find room for new inodes where many were deleted lately. So some are not deleted: emptied, they wait in the folder
 * `spare` for the next containers. */
#include "monitor.h"

#include <dirent.h>

enum { SPARES = 32 };

typedef bool visit(int directory, const char *name);

/* Takes the descriptor. What cannot be handled does not keep the rest. */
static bool entries_visit(int directory, visit *each) {
    DIR *entries = directory < 0 ? NULL : fdopendir(directory);
    int error = 0;
    if (entries == NULL) return false;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !each(directory, entry->d_name)) error = errno;
    closedir(entries);
    errno = error;
    return error == 0;
}

static int directory_open(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whatever it is, and all that is in it; links are not followed, other file systems are not entered. */
bool tree_remove(int parent, const char *name) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR && errno != EPERM) return false;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
    if (errno != ENOTEMPTY) return false;
    if (!entries_visit(directory_open(parent, name), tree_remove)) return false;
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static int spare_fd = -1, spares;

static bool spare_count(int directory, const char *name) { return directory >= 0 && name != NULL && ++spares > 0; }

/* All that a container could reach is made anew: `upper`. `work` is the kernel's, which wants it empty. */
static bool part_clear(int directory, const char *name) {
    return strcmp(name, "work") == 0 ? entries_visit(directory_open(directory, name), tree_remove) : tree_remove(directory, name);
}

static bool spare_make(int trash, const char *name) {
    int fd = directory_open(trash, name);
    if (fd < 0) return false;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    bool clear = entries_visit(copy, part_clear) && faccessat(fd, "work", F_OK, AT_SYMLINK_NOFOLLOW) == 0 && mkdirat(fd, "upper", 0755) == 0;
    close(fd);
    return clear && renameat(trash, name, spare_fd, name) == 0;
}

static bool trash_handle(int trash, const char *name) {
    if (spares >= SPARES || !spare_make(trash, name)) return tree_remove(trash, name);
    spares++;
    return true;
}

/* `directory` holds `trash`, and `spare` when some of it may become that. */
_Noreturn void directory_recycle(const char *directory) {
    if (chdir(directory) < 0) fail("chdir", directory);
    spare_fd = directory_open(AT_FDCWD, "spare");
    if (spare_fd < 0 || !entries_visit(fcntl(spare_fd, F_DUPFD_CLOEXEC, 3), spare_count)) spares = SPARES;
    if (!entries_visit(directory_open(AT_FDCWD, "trash"), trash_handle)) fail("remove all in", "trash");
    job_end();
}
