#ifndef HELPER_H
#define HELPER_H

#include <stdbool.h>
#include <stddef.h>

/* Prints `timonel-oci: WHAT OBJECT: reason` and ends with status 1. */
_Noreturn void fail(const char *what, const char *object);
_Noreturn void fail_text(const char *text);

/* One role each; see the file of that name. */
_Noreturn void pause_run(void);
_Noreturn void without_run(const char *mount_point, char **command);
_Noreturn void idmap_run(const char *user_namespace, char **pairs);
_Noreturn void dial_run(const char *network_namespace, const char *port);
_Noreturn void attach_run(const char *directory, const char *options);
_Noreturn void terminal_run(const char *name, char **command);

/* Bytes on their way to a descriptor that may be slow. */
enum { QUEUE_BYTES = 1 << 20 };
struct queue {
    int fd;
    bool closed;
    size_t begin, end;
    char bytes[QUEUE_BYTES];
};

void queue_init(struct queue *queue, int fd);
size_t queue_room(const struct queue *queue);
void queue_put(struct queue *queue, const char *bytes, size_t length);
bool queue_empty(const struct queue *queue);
/* Writes what the descriptor takes without waiting. False: its reader is gone, and the queue drops everything from now on. */
bool queue_flush(struct queue *queue);

void nonblocking(int fd);

#endif
