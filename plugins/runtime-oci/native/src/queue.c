#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) fail("fcntl", "descriptor");
}

void queue_init(struct queue *queue, int fd) {
    queue->fd = fd;
    queue->closed = false;
    queue->begin = queue->end = 0;
}

size_t queue_room(const struct queue *queue) { return queue->closed ? QUEUE_BYTES : QUEUE_BYTES - (queue->end - queue->begin); }

bool queue_empty(const struct queue *queue) { return queue->begin == queue->end; }

/* There must be room. */
void queue_put(struct queue *queue, const char *bytes, size_t length) {
    if (queue->closed) return;
    if (queue->end + length > QUEUE_BYTES) {
        memmove(queue->bytes, queue->bytes + queue->begin, queue->end - queue->begin);
        queue->end -= queue->begin;
        queue->begin = 0;
    }
    memcpy(queue->bytes + queue->end, bytes, length);
    queue->end += length;
}

bool queue_flush(struct queue *queue) {
    while (!queue_empty(queue)) {
        ssize_t wrote = write(queue->fd, queue->bytes + queue->begin, queue->end - queue->begin);
        if (wrote > 0) {
            queue->begin += (size_t)wrote;
            continue;
        }
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && errno == EAGAIN) return true;
        queue->closed = true;
        queue->begin = queue->end = 0;
        return false;
    }
    queue->begin = queue->end = 0;
    return true;
}
