/* The filter of system calls: a program that the agent compiled, as hexadecimal digits in the spec. */
#include "monitor.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

static int digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    fail_text(EXIT_CANNOT_START, "spec: the filter of system calls holds '%c', which is not a hexadecimal digit", letter);
}

/* The last step but the last: with no_new_privs, or with CAP_SYS_ADMIN still held. */
void seccomp_apply(const struct spec *spec) {
    if (spec->seccomp == NULL) return;
    size_t count = strlen(spec->seccomp) / 2 / sizeof(struct sock_filter);
    if (count == 0 || count > BPF_MAXINSNS || strlen(spec->seccomp) % (2 * sizeof(struct sock_filter)) != 0)
        fail_text(EXIT_CANNOT_START, "spec: the filter of system calls has no whole number of instructions");
    unsigned char *bytes = malloc(count * sizeof(struct sock_filter));
    if (bytes == NULL) fail("malloc", "filter of system calls");
    for (size_t i = 0; i < count * sizeof(struct sock_filter); i++)
        bytes[i] = (unsigned char)(digit(spec->seccomp[2 * i]) << 4 | digit(spec->seccomp[2 * i + 1]));
    struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)(void *)bytes};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, spec->seccomp_flags, &program) < 0) fail("seccomp", "container");
}
