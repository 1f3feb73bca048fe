/* The last step: find the command in the container's PATH and execute it. */
#include "monitor.h"

static const char *environment_get(const struct list *env, const char *name) {
    size_t length = strlen(name);
    for (size_t i = env->length; i-- > 0;)  /* the last of equal names counts */
        if (strncmp(env->items[i], name, length) == 0 && env->items[i][length] == '=') return env->items[i] + length + 1;
    return NULL;
}

static _Noreturn void refuse(const char *command, int error) {
    int code = error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG ? EXIT_NOT_FOUND
             : error == E2BIG || error == ENOMEM ? EXIT_CANNOT_START : EXIT_NOT_EXECUTABLE;
    fail_text(code, "exec \"%.256s\": %s", command, strerror(error));
}

/* ENOENT of a file that is there means its interpreter or loader is missing: say that. */
static _Noreturn void execute(const struct spec *spec, const struct identity *identity, const char *path, char **environment) {
    const char *command = spec->args.items[0];
    privileges_finish(spec, identity);
    execve(path, spec->args.items, environment);
    int error = errno;
    struct stat status;
    if (error == ENOENT && stat(path, &status) == 0)
        fail_text(EXIT_NOT_FOUND, "exec \"%.256s\": its interpreter or dynamic loader is not in the image", command);
    if (error == EACCES && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        fail_text(EXIT_NOT_EXECUTABLE, "exec \"%.256s\": is a directory", command);
    refuse(command, error);
}

static char **environment_with_home(const struct spec *spec, const char *home) {
    static char entry[300];
    char **result = calloc(spec->env.length + 2, sizeof *result);
    if (result == NULL) fail("calloc", "environment");
    size_t count = 0;
    for (; count < spec->env.length; count++) result[count] = spec->env.items[count];
    if (environment_get(&spec->env, "HOME") == NULL) {
        snprintf(entry, sizeof entry, "HOME=%s", home);
        result[count] = entry;
    }
    return result;
}

_Noreturn void command_execute(const struct spec *spec, const struct identity *identity) {
    if (spec->args.length == 0 || spec->args.items[0][0] == '\0')
        fail_text(EXIT_NOT_FOUND, "no command: neither the container nor the image names one");
    const char *command = spec->args.items[0], *search = environment_get(&spec->env, "PATH");
    char **environment = environment_with_home(spec, identity->home);
    if (strchr(command, '/') != NULL) execute(spec, identity, command, environment);
    bool denied = false;
    for (const char *at = search; at != NULL;) {
        char path[PATH_MAX];
        const char *colon = strchr(at, ':');
        int length = colon == NULL ? (int)strlen(at) : (int)(colon - at);
        snprintf(path, sizeof path, "%.*s/%s", length == 0 ? 1 : length, length == 0 ? "." : at, command);
        struct stat status;
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
            if (access(path, X_OK) == 0) execute(spec, identity, path, environment);
            denied = true;
        }
        at = colon == NULL ? NULL : colon + 1;
    }
    if (denied) refuse(command, EACCES);
    fail_text(EXIT_NOT_FOUND, "exec \"%.256s\": no such command in $PATH of the container", command);
}
