/* Programs for the kernel that the agent compiled, as hexadecimal digits in the spec: the filter of system calls of a container,
 * and that of the devices which the processes of a control group may open. */
#include "monitor.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

static int digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    fail_text(EXIT_CANNOT_START, "spec: the filter of system calls holds '%c', which is not a hexadecimal digit", letter);
}

/* Both kinds of instructions have 8 bytes. */
static void *program_decode(const char *digits, size_t *count) {
    size_t size = strlen(digits) / 2;
    unsigned char *bytes = malloc(size + 1);
    if (bytes == NULL) fail("malloc", "program");
    if (size == 0 || size > 8 * BPF_MAXINSNS || strlen(digits) % 16 != 0)
        fail_text(EXIT_CANNOT_START, "spec: a program for the kernel has no whole number of instructions");
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(digit(digits[2 * i]) << 4 | digit(digits[2 * i + 1]));
    *count = size / 8;
    return bytes;
}

/* The last step but the last: with no_new_privs, or with CAP_SYS_ADMIN still held. */
void seccomp_apply(const struct spec *spec) {
    size_t count;
    if (spec->seccomp == NULL) return;
    struct sock_fprog program = {.filter = program_decode(spec->seccomp, &count)};
    program.len = (unsigned short)count;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, spec->seccomp_flags, &program) < 0) fail("seccomp", "container");
}

/* The group keeps the program for as long as it lives. */
void device_program_attach(const struct spec *spec) {
    size_t count;
    if (spec->device_program == NULL || spec->device_group == NULL) return;
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .license = (uintptr_t)"Apache-2.0"};
    load.insns = (uintptr_t)program_decode(spec->device_program, &count);
    load.insn_cnt = (unsigned)count;
    long program = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    if (program < 0) fail("bpf load", "filter of devices");
    int group = open(spec->device_group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0) fail("open", spec->device_group);
    union bpf_attr attach = {.target_fd = (unsigned)group, .attach_bpf_fd = (unsigned)program, .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0) fail("bpf attach", spec->device_group);
    close(group);
    close((int)program);
}
