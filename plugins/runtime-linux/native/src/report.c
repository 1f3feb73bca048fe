#include "monitor.h"

#include <stdarg.h>

static int report_fd = STDERR_FILENO;

static bool plain;

void report_to(int fd) { report_fd = fd; }

void report_plainly(void) { plain = true; }

/* One message: `E<exit code> <text>`; plainly: the text alone, and the exit code as the process's own. The receiver is a
 * pipe, so a message below PIPE_BUF arrives whole. */
_Noreturn void fail_text(int exit_code, const char *format, ...) {
    char message[1024];
    int used = plain ? 0 : snprintf(message, sizeof message, "E%d ", exit_code);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(message + used, sizeof message - (size_t)used, format, arguments);
    va_end(arguments);
    size_t length = (size_t)used + (more > 0 ? (size_t)more : 0);
    if (length >= sizeof message) length = sizeof message - 1;
    if (plain) message[length < sizeof message - 1 ? length++ : length - 1] = '\n';
    ssize_t ignored = write(report_fd, message, length);
    (void)ignored;
    _exit(plain ? exit_code : 1);
}

_Noreturn void fail(const char *call, const char *subject) {
    fail_text(EXIT_CANNOT_START, "%s %s: %s", call, subject, strerror(errno));
}
