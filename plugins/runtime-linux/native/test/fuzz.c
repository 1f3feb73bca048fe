/* Feeds the parsers of the spec and of the image's users. With libFuzzer, or alone: `fuzz SEED COUNT`, in a directory of its own. What a
 * parser refuses ends in `fail`, which here goes on with the next input. */
#include "monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jmp_buf refused;

_Noreturn void fail(const char *call, const char *subject) { fail_text(1, "%s %s", call, subject); }

_Noreturn void fail_text(int exit_code, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    longjmp(refused, exit_code);
}

static void file_write(const char *path, const uint8_t *data, size_t size) {
    unlink(path);                           /* the last one may still be mapped */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
}

static void spec_try(void) {
    static struct spec spec;
    if (setjmp(refused) == 0) spec_read(&spec, "spec");
}

static void identity_try(const char *name) {
    static struct spec spec;
    static struct identity identity;
    spec.user = name;
    if (setjmp(refused) == 0) identity_resolve(&spec, &identity);
}

/* The first byte says what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const users[] = {"root", "7", "ana:staff", "0:9", ""};
    if (size == 0) return 0;
    if (data[0] % 2 == 0) {
        file_write("spec", data + 1, size - 1);
        spec_try();
        return 0;
    }
    file_write("passwd", data + 1, size - 1);
    file_write("group", data + 1, size - 1);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) identity_try(users[i]);
    return 0;
}

#ifdef DRIVER
static const char *const words[] = {
    "layer=/a", "arg=sh", "env=A=b", "mount=w,private", "mountSource=/x", "mountTarget=/y", "limit=7 1 2 nofile", "limit=7 1 2",
    "capabilities=ffffffffffffffffff", "ids=1 2 3", "ids=0 0 0", "seccomp=06", "seccompFlags=9", "pid=99999999999999", "user=0:0",
    "node=8630 1 3 0 0 /dev/null", "mask=/proc", "hostname=", "tty=1", "=", "root:x:0:0:root:/root:/bin/sh", "ana:x:7:9::/home:",
    "staff:x:9:ana,root,,ana", ":::::::::", "a:b", "ana:x:4294967296:-1", "\n", "\377", "="};

static size_t any(uint64_t *state, size_t bound) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)(*state % bound);
}

enum { ROOM = 1 << 15, PAGE = 4096 };

/* What reaches the bounds of the parsers: a spec that fills its page, more groups than a user may have, lines that fill the buffer. */
static size_t input_swell(uint64_t *state, uint8_t *data, size_t size) {
    if (data[0] % 2 == 0) {
        memset(data + 1, 'x', PAGE);
        memcpy(data + 1, "arg=", 4);
        return PAGE + any(state, 2);
    }
    if (any(state, 2) == 0) {
        for (unsigned group = 0; group < 300; group++)
            size += (size_t)snprintf((char *)data + size, ROOM - size, "g%u:x:%u:ana,root\n", group, 1000 + group);
        return size;
    }
    size_t length = PAGE - 2 + any(state, 3);
    data[size - 1] = '\n';
    memset(data + size, 'x', length);
    return size + length;
}

static size_t input_make(uint64_t *state, uint8_t *data, size_t room) {
    size_t size = 0;
    data[size++] = (uint8_t)any(state, 2);
    for (size_t left = any(state, 24); left > 0; left--) {
        const char *word = words[any(state, sizeof words / sizeof *words)];
        size_t length = strlen(word) + 1;
        if (size + length > room) break;
        memcpy(data + size, word, length);
        size += length;
        if (data[0] == 1 || any(state, 16) == 0) data[size - 1] = '\n';
    }
    if (any(state, 8) == 0) return input_swell(state, data, size);
    for (size_t changes = any(state, 4); changes > 0; changes--) data[any(state, size)] = (uint8_t)any(state, 256);
    return any(state, 8) == 0 ? 1 + any(state, size) : size;
}

int main(int count, char **arguments) {
    static uint8_t data[ROOM];
    if (count != 3) return 2;
    uint64_t state = strtoull(arguments[1], NULL, 10) * 2654435761u + 1;
    for (unsigned long left = strtoul(arguments[2], NULL, 10); left > 0; left--)
        LLVMFuzzerTestOneInput(data, input_make(&state, data, sizeof data / 4));
    puts("done");
    return 0;
}
#endif
