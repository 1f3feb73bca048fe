#include "monitor.h"

#include <inttypes.h>

#include <sys/mman.h>
#include <sys/resource.h>

static void *grow(void *items, size_t count, size_t size) {
    void *grown = realloc(items, (count + 2) * size);
    if (grown == NULL) fail("realloc", "spec");
    return grown;
}

static void append(struct list *list, char *value) {
    list->items = grow(list->items, list->length, sizeof *list->items);
    list->items[list->length++] = value;
    list->items[list->length] = NULL;
}

static void append_mount(struct spec *spec, const char *options) {
    spec->mounts = grow(spec->mounts, spec->mount_count, sizeof *spec->mounts);
    spec->mounts[spec->mount_count++] = (struct mount){.options = options, .tree = -1};
}

/* `resource soft hard name`, with the resource as the kernel's number. */
static void append_limit(struct spec *spec, const char *value) {
    struct limit limit = {.name = strrchr(value, ' ')};
    if (sscanf(value, "%d %" SCNu64 " %" SCNu64, &limit.resource, &limit.soft, &limit.hard) != 3 || limit.name == NULL)
        fail_text(EXIT_CANNOT_START, "spec: the limit '%s' is not 'resource soft hard name'", value);
    spec->limits = grow(spec->limits, spec->limit_count, sizeof *spec->limits);
    spec->limits[spec->limit_count++] = limit;
}

/* `first uid, first gid, count`, of the node. */
static void set_ids(struct spec *spec, const char *value) {
    if (sscanf(value, "%u %u %u", &spec->first_uid, &spec->first_gid, &spec->id_count) != 3 || spec->id_count == 0)
        fail_text(EXIT_CANNOT_START, "spec: the ids '%s' are not 'first-uid first-gid count'", value);
}

static void set_text(struct spec *spec, const char *key, char *value) {
    const struct { const char *key; const char **field; } texts[] = {
        {"hostname", &spec->hostname}, {"ns.user", &spec->ns_user}, {"ns.net", &spec->ns_net}, {"ns.ipc", &spec->ns_ipc}, {"ns.uts", &spec->ns_uts},
        {"ns.pid", &spec->ns_pid}, {"oomFile", &spec->oom_file}, {"cwd", &spec->cwd}, {"user", &spec->user},
        {"log", &spec->log}, {"event", &spec->event}, {"oomScoreAdj", &spec->oom_score_adj},
        {"seccomp", &spec->seccomp}, {"appArmor", &spec->apparmor}, {"deviceGroup", &spec->device_group},
        {"deviceProgram", &spec->device_program}, {"state", &spec->state},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i].key) == 0) { *texts[i].field = value; return; }
    fail_text(EXIT_CANNOT_START, "spec: unknown key '%s'", key);
}

static bool set_flag(struct spec *spec, const char *key, const char *value) {
    const struct { const char *key; bool *field; } flags[] = {
        {"readonlyRoot", &spec->readonly_root}, {"noNewPrivileges", &spec->no_new_privileges},
        {"privileged", &spec->privileged}, {"tty", &spec->tty}, {"strictGroups", &spec->strict_groups}, {"stdin", &spec->input}, {"stdinOnce", &spec->input_once},
        {"new.pid", &spec->pid_namespace},
        {"new.net", &spec->net_namespace}, {"new.ipc", &spec->ipc_namespace}, {"hostPid", &spec->host_pid},
        {"rootByChroot", &spec->root_by_chroot}, {"rootless", &spec->rootless},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(key, flags[i].key) == 0) { *flags[i].field = strcmp(value, "1") == 0; return true; }
    return false;
}

static bool add_item(struct spec *spec, const char *key, char *value) {
    const struct { const char *key; struct list *field; } lists[] = {
        {"layer", &spec->layers}, {"arg", &spec->args}, {"env", &spec->env}, {"group", &spec->groups},
        {"cgroup", &spec->cgroups}, {"cgroupMount", &spec->cgroup_mounts}, {"mask", &spec->masked},
        {"readonlyPath", &spec->readonly_paths}, {"sysctl", &spec->sysctls}, {"node", &spec->nodes},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(key, lists[i].key) == 0) { append(lists[i].field, value); return true; }
    return false;
}

static void set(struct spec *spec, const char *key, char *value) {
    struct mount *last = spec->mount_count > 0 ? &spec->mounts[spec->mount_count - 1] : NULL;
    if (set_flag(spec, key, value) || add_item(spec, key, value)) return;
    if (strcmp(key, "mount") == 0) append_mount(spec, value);
    else if (strcmp(key, "mountSource") == 0 && last != NULL) last->source = value;
    else if (strcmp(key, "mountTarget") == 0 && last != NULL) last->target = value;
    else if (strcmp(key, "logLimit") == 0) spec->log_limit = strtoull(value, NULL, 10);
    else if (strcmp(key, "logFiles") == 0) spec->log_files = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(key, "limit") == 0) append_limit(spec, value);
    else if (strcmp(key, "capabilities") == 0) spec->capabilities = strtoull(value, NULL, 16);
    else if (strcmp(key, "ids") == 0) set_ids(spec, value);
    else if (strcmp(key, "seccompFlags") == 0) spec->seccomp_flags = strtoul(value, NULL, 10);
    else if (strcmp(key, "pid") == 0) spec->pid = (int)strtol(value, NULL, 10);
    else set_text(spec, key, value);
}

void spec_read(struct spec *spec, const char *path) {
    memset(spec, 0, sizeof *spec);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) fail("open", path);
    if (status.st_size == 0) fail_text(EXIT_CANNOT_START, "spec: %s is empty", path);
    size_t size = (size_t)status.st_size;
    char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED) fail("mmap", path);
    close(fd);
    if (text[size - 1] != '\0') fail_text(EXIT_CANNOT_START, "spec: %s is cut off", path);
    for (char *record = text; record < text + size;) {
        char *next = record + strlen(record) + 1;
        char *equals = strchr(record, '=');
        if (equals == NULL) fail_text(EXIT_CANNOT_START, "spec: '%s' is not 'key=value'", record);
        *equals = '\0';
        set(spec, record, equals + 1);
        record = next;
    }
}
