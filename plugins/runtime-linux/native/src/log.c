/* The CRI log format: `<RFC 3339 time with ns, UTC> <stdout|stderr> <F|P> <text>`. A line longer than the buffer is cut
 * into parts marked P. When the log cannot be written (disk full), lines are dropped: the container never waits for it.
 * A full file becomes `<path>.1`, that one `<path>.2`, and so on; the oldest is dropped. */
#include "monitor.h"

#include <sys/uio.h>
#include <time.h>

enum { BUFFER_BYTES = 16384, BATCH_LINES = 32 };

static int log_fd = -1;
static const char *log_path;
static uint64_t log_size, log_limit;        /* limit 0: none */
static unsigned log_files;

static int file_open(void) {
    return open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

void log_open(const char *path, uint64_t limit, unsigned files) {
    struct stat status;
    log_path = path;
    log_limit = limit;
    log_files = files;
    log_fd = file_open();
    if (log_fd < 0 && errno == ENOENT && parents_make(path)) log_fd = file_open();
    if (log_fd < 0 || fstat(log_fd, &status) < 0) fail("open", path);
    log_size = (uint64_t)status.st_size;
}

/* Where a step fails, the file that is open is written on, past its limit: lines come before limits. */
static void rotate(void) {
    char from[PATH_MAX], to[PATH_MAX];
    for (unsigned number = log_files; number-- > 1;) {
        if (number == 1) snprintf(from, sizeof from, "%s", log_path);
        else snprintf(from, sizeof from, "%s.%u", log_path, number - 1);
        snprintf(to, sizeof to, "%s.%u", log_path, number);
        if (rename(from, to) < 0 && (number == 1 || errno != ENOENT)) return;
    }
    if (log_files == 1 && unlink(log_path) < 0) return;
    int fd = file_open();
    if (fd < 0) return;
    close(log_fd);
    log_fd = fd;
    log_size = 0;
}

void stream_open(struct stream *stream, int kind, int fd) {
    *stream = (struct stream){.name = kind == ATTACH_OUT ? "stdout" : "stderr", .kind = kind, .fd = fd};
    if (fd < 0) return;
    stream->buffer = malloc(BUFFER_BYTES);
    if (stream->buffer == NULL) fail("malloc", "log buffer");
}

static void time_stamp(char *text, size_t size) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, size - length, ".%09ldZ", now.tv_nsec);
}

struct batch { struct iovec parts[BATCH_LINES * 3]; int count; size_t length; };

static void batch_write(struct batch *batch) {
    if (batch->count == 0) return;
    if (log_limit > 0 && log_size > 0 && log_size + batch->length > log_limit) rotate();
    ssize_t wrote = writev(log_fd, batch->parts, batch->count);
    if (wrote > 0) log_size += (uint64_t)wrote;
    batch->count = 0;
    batch->length = 0;
}

static void batch_add(struct batch *batch, char *head, char *text, size_t length) {
    batch->parts[batch->count++] = (struct iovec){head, strlen(head)};
    batch->parts[batch->count++] = (struct iovec){text, length};
    batch->parts[batch->count++] = (struct iovec){"\n", 1};
    batch->length += strlen(head) + length + 1;
    if (batch->count == BATCH_LINES * 3) batch_write(batch);
}

/* Writes the whole lines of the buffer. What is left after them stays, but at the end of the stream, or when it fills the
 * buffer alone: then it is a part. */
static void lines_write(struct stream *stream, bool at_end) {
    char stamp[40], full[64], part[64];
    struct batch batch = {.count = 0, .length = 0};
    time_stamp(stamp, sizeof stamp);
    snprintf(full, sizeof full, "%s %s F ", stamp, stream->name);
    snprintf(part, sizeof part, "%s %s P ", stamp, stream->name);
    char *at = stream->buffer, *end = stream->buffer + stream->length;
    for (char *newline; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1)
        batch_add(&batch, full, at, (size_t)(newline - at));
    bool fills = end - at == BUFFER_BYTES;
    if (at < end && (at_end || fills)) {
        batch_add(&batch, at_end ? full : part, at, (size_t)(end - at));
        at = end;
    }
    batch_write(&batch);
    stream->length = (size_t)(end - at);
    if (at != stream->buffer) memmove(stream->buffer, at, stream->length);
}

void stream_close(struct stream *stream) {
    if (stream->fd < 0) return;
    lines_write(stream, true);
    close(stream->fd);
    stream->fd = -1;
}

bool stream_read(struct stream *stream) {
    ssize_t got = read(stream->fd, stream->buffer + stream->length, BUFFER_BYTES - stream->length);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) {                         /* a terminal whose other side is closed gives EIO */
        stream_close(stream);
        return false;
    }
    attach_send(stream->kind, stream->buffer + stream->length, (size_t)got);
    stream->length += (size_t)got;
    lines_write(stream, false);
    return true;
}
