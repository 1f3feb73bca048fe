/* Who the command runs as: `user[:group]` by number or by the names of the image's own /etc/passwd and /etc/group. Read
 * after the root was switched, so a link there leads nowhere but into the container. */
#include "monitor.h"

enum { LINE_BYTES = 4096, MAX_GROUPS = 256 };

static bool number_parse(const char *text, unsigned *number) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > INT_MAX) return false;
    *number = (unsigned)value;
    return true;
}

/* Splits at ':' in place. Missing fields are empty. */
static void fields_split(char *line, char *fields[7]) {
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 7; i++) {
        fields[i] = line;
        char *colon = strchr(line, ':');
        if (colon == NULL) line += strlen(line);
        else { *colon = '\0'; line = colon + 1; }
    }
}

/* A name of digits is a number, as in the OCI image specification. A plain file only: a FIFO would block us. */
static FILE *table_open(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? NULL : fdopen(fd, "r");
}

static bool passwd_find(const char *user, bool by_number, unsigned uid, struct identity *identity, char *name, size_t size) {
    char line[LINE_BYTES], *fields[7];
    unsigned found, gid;
    FILE *file = table_open("/etc/passwd");
    if (file == NULL) return false;
    bool match = false;
    while (!match && fgets(line, sizeof line, file) != NULL) {
        fields_split(line, fields);
        if (!number_parse(fields[2], &found) || !number_parse(fields[3], &gid)) continue;
        match = by_number ? found == uid : strcmp(fields[0], user) == 0;
        if (!match) continue;
        identity->uid = found;
        identity->gid = gid;
        snprintf(identity->home, sizeof identity->home, "%s", fields[5]);
        snprintf(name, size, "%s", fields[0]);
    }
    fclose(file);
    return match;
}

static bool group_find(const char *group, unsigned *gid) {
    char line[LINE_BYTES], *fields[7];
    FILE *file = table_open("/etc/group");
    bool match = false;
    while (file != NULL && !match && fgets(line, sizeof line, file) != NULL) {
        fields_split(line, fields);
        match = strcmp(fields[0], group) == 0 && number_parse(fields[2], gid);
    }
    if (file != NULL) fclose(file);
    return match;
}

static void group_add(struct identity *identity, gid_t gid) {
    for (int i = 0; i < identity->group_count; i++)
        if (identity->groups[i] == gid) return;
    if (identity->group_count < MAX_GROUPS) identity->groups[identity->group_count++] = gid;
}

static void memberships_add(const char *name, struct identity *identity) {
    char line[LINE_BYTES], *fields[7], *rest = NULL;
    unsigned gid;
    FILE *file = name[0] == '\0' ? NULL : table_open("/etc/group");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        fields_split(line, fields);
        if (!number_parse(fields[2], &gid)) continue;
        for (char *member = strtok_r(fields[3], ",", &rest); member != NULL; member = strtok_r(NULL, ",", &rest))
            if (strcmp(member, name) == 0) group_add(identity, gid);
    }
    if (file != NULL) fclose(file);
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
    if (identity->home[0] == '\0') strcpy(identity->home, "/");
}
