#include "monitor.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/resource.h>

static void capabilities_set(uint64_t effective, uint64_t permitted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, 0},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), 0},
    };
    if (syscall(SYS_capset, &header, data) < 0) fail("capset", "container");
}

/* Nobody inside may look into this process, or trace it, without CAP_SYS_PTRACE of the node. */
void undumpable_become(void) {
    if (prctl(PR_SET_DUMPABLE, 0) < 0) fail("prctl", "PR_SET_DUMPABLE");
}

void capabilities_drop(void) {
    capabilities_set(0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("prctl", "PR_SET_NO_NEW_PRIVS");
}

static uint64_t capabilities_permitted(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) fail("capget", "container");
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static void bounding_set_reduce(uint64_t keep) {
    for (int number = 0; number < 64; number++) {
        if ((keep >> number & 1) != 0) continue;
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) {
            if (errno == EINVAL) return;    /* beyond the last capability of this kernel */
            fail("prctl", "PR_CAPBSET_DROP");
        }
    }
}

/* A volume there would take the request, and nobody would know. */
static void apparmor_apply(const char *request) {
    struct statfs system;
    if (statfs("/proc/self/attr", &system) < 0 || system.f_type != PROC_SUPER_MAGIC)
        fail_text(EXIT_CANNOT_START, "AppArmor: /proc of the container is not the kernel's");
    write_text("/proc/self/attr/apparmor/exec", request);
}

static uint64_t kept;

/* A user other than root ends without capabilities; the bounding set says what set-user-ID programs may regain. */
static uint64_t final_set(const struct identity *identity) { return identity->uid == 0 ? kept : 0; }

/* Without no_new_privs only CAP_SYS_ADMIN may install a filter of system calls. */
static bool filter_needs_admin(const struct spec *spec) { return spec->seccomp != NULL && !spec->no_new_privileges; }

/* Where an ordinary user mapped its own id alone, the kernel lets nobody change groups. */
static bool groups_are_fixed(const struct spec *spec) {
    char text[8] = "";
    int fd = spec->rootless ? open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 && strncmp(text, "deny", 4) == 0;
}

/* Order matters: the bounding set needs CAP_SETPCAP, the ids need CAP_SETUID and CAP_SETGID, so capset comes last. */
void privileges_apply(const struct spec *spec, const struct identity *identity) {
    kept = spec->capabilities & capabilities_permitted();
    if (spec->apparmor != NULL) apparmor_apply(spec->apparmor);
    bounding_set_reduce(kept);
    if (prctl(PR_SET_KEEPCAPS, filter_needs_admin(spec), 0, 0, 0) < 0) fail("prctl", "PR_SET_KEEPCAPS");
    if (!groups_are_fixed(spec) && setgroups((size_t)identity->group_count, identity->groups) < 0) fail("setgroups", "container");
    if (setresgid(identity->gid, identity->gid, identity->gid) < 0) fail("setresgid", "container");
    if (setresuid(identity->uid, identity->uid, identity->uid) < 0) fail("setresuid", "container");
    uint64_t now = final_set(identity) | (filter_needs_admin(spec) ? UINT64_C(1) << CAP_SYS_ADMIN : 0);
    capabilities_set(now, now);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) fail("prctl", "PR_CAP_AMBIENT");
    if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("prctl", "PR_SET_NO_NEW_PRIVS");
}

/* Just before execve, as the filter may forbid whatever else we do. */
void privileges_finish(const struct spec *spec, const struct identity *identity) {
    seccomp_apply(spec);
    if (filter_needs_admin(spec)) capabilities_set(final_set(identity), final_set(identity));
}

void limits_apply(const struct spec *spec) {
    for (size_t i = 0; i < spec->limit_count; i++) {
        const struct limit *each = &spec->limits[i];
        struct rlimit value = {each->soft, each->hard};
        if (setrlimit((__rlimit_resource_t)each->resource, &value) < 0) fail("setrlimit", each->name + 1);
    }
}
