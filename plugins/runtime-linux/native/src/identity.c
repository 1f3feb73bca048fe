/* Who the command runs as: `user[:group]` by number or by the names of the image's own /etc/passwd and /etc/group. Read
 * after the root was switched, so a link there leads nowhere but into the container. */
#include "monitor.h"

#ifndef PASSWD                              /* a fuzzer brings its own */
#define PASSWD "/etc/passwd"
#define GROUP "/etc/group"
#endif

enum { LINE_BYTES = 4096, MAX_LINES = 100000, MAX_GROUPS = 256 };

static bool number_parse(const char *text, unsigned *number) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > INT_MAX) return false;
    *number = (unsigned)value;
    return true;
}

static FILE *table;
static char line[LINE_BYTES], *fields[7];
static int lines_left;

/* Splits at ':' in place. Missing fields are empty. */
static void fields_split(void) {
    char *at = line;
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 7; i++) {
        fields[i] = at;
        char *colon = strchr(at, ':');
        if (colon == NULL) at += strlen(at);
        else { *colon = '\0'; at = colon + 1; }
    }
}

/* A plain file only, and not endless: the image may have anything there. */
static void table_open(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (table != NULL) fclose(table);
    bool there = fd >= 0 && fstat(fd, &status) == 0;
    if (!there && errno == EIO) fail("open", path);
    table = there && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && table == NULL) close(fd);
    lines_left = MAX_LINES;
}

/* The fields of the next line, of which field 2 is a number. */
static bool table_next(unsigned *number) {
    while (table != NULL && lines_left-- > 0 && fgets(line, sizeof line, table) != NULL) {
        fields_split();
        if (number_parse(fields[2], number)) return true;
    }
    return false;
}

/* A name of digits is a number, as in the OCI image specification. */
static bool passwd_find(const char *user, bool by_number, unsigned uid, struct identity *identity, char *name, size_t size) {
    unsigned found, gid;
    for (table_open(PASSWD); table_next(&found);) {
        if (!number_parse(fields[3], &gid) || (by_number ? found != uid : strcmp(fields[0], user) != 0)) continue;
        identity->uid = found;
        identity->gid = gid;
        snprintf(identity->home, sizeof identity->home, "%s", fields[5]);
        snprintf(name, size, "%s", fields[0]);
        return true;
    }
    return false;
}

static bool group_find(const char *group, unsigned *gid) {
    for (table_open(GROUP); table_next(gid);)
        if (strcmp(fields[0], group) == 0) return true;
    return false;
}

static void group_add(struct identity *identity, gid_t gid) {
    for (int i = 0; i < identity->group_count; i++)
        if (identity->groups[i] == gid) return;
    if (identity->group_count < MAX_GROUPS) identity->groups[identity->group_count++] = gid;
}

static void memberships_add(const char *name, struct identity *identity) {
    unsigned gid;
    char *rest = NULL;
    for (table_open(GROUP); name[0] != '\0' && table_next(&gid);)
        for (char *member = strtok_r(fields[3], ",", &rest); member != NULL; member = strtok_r(NULL, ",", &rest))
            if (strcmp(member, name) == 0) group_add(identity, gid);
}

/* user_namespaces(7): `first inside, first outside, count`. */
static bool id_exists(const char *map, unsigned id) {
    unsigned first, count;
    bool found = false;
    FILE *file = fopen(map, "re");
    while (file != NULL && fscanf(file, "%u %*u %u", &first, &count) == 2)
        if (id >= first && id - first < count) found = true;
    if (file != NULL) fclose(file);
    return found;
}

void identity_resolve(const struct spec *spec, struct identity *identity) {
    char user[256], name[256] = "";
    unsigned number = 0;
    memset(identity, 0, sizeof *identity);
    snprintf(user, sizeof user, "%s", spec->user == NULL || spec->user[0] == '\0' ? "0" : spec->user);
    char *group = strchr(user, ':');
    if (group != NULL) *group++ = '\0';
    bool numeric = number_parse(user, &number);
    if (!passwd_find(user, numeric, number, identity, name, sizeof name)) {
        if (!numeric) fail_text(EXIT_CANNOT_START, "user '%s' is not in the image's /etc/passwd", user);
        identity->uid = number;
    }
    if (group != NULL && group[0] != '\0') {
        if (!number_parse(group, &number) && !group_find(group, &number))
            fail_text(EXIT_CANNOT_START, "group '%s' is not in the image's /etc/group", group);
        identity->gid = number;
    }
    group_add(identity, identity->gid);
    if (group == NULL && !spec->strict_groups) memberships_add(name, identity);
    for (size_t i = 0; i < spec->groups.length; i++)
        if (number_parse(spec->groups.items[i], &number)) group_add(identity, number);
    if (spec->id_count > 0 && (identity->uid >= spec->id_count || identity->gid >= spec->id_count))
        fail_text(EXIT_CANNOT_START, "user %u:%u is beyond the %u ids of the pod's user namespace", identity->uid, identity->gid, spec->id_count);
    if (spec->rootless && (!id_exists("/proc/self/uid_map", identity->uid) || !id_exists("/proc/self/gid_map", identity->gid)))
        fail_text(EXIT_CANNOT_START, "user %u:%u is not among the ids that the user of this rootless node has: see /etc/subuid and /etc/subgid", identity->uid, identity->gid);
    table_open("");                         /* closes the last */
    if (identity->home[0] == '\0') strcpy(identity->home, "/");
}
