/* Others at the streams of a container, through listening sockets in its state directory. Who connects to `attach.out` or
 * `attach.err` receives what the container writes from then on; what comes through `attach.in` goes to its stdin. Plain
 * bytes. Nobody is waited for: a reader whose socket is full is dropped. With `stdinOnce` the stdin of the container ends
 * when the first writer has left; else it stays open for the next. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG_BYTES = 1 << 20, PENDING_BYTES = 4096 };

static const char *const names[ATTACH_KINDS] = {"attach.out", "attach.err", "attach.in"};
static int listeners[ATTACH_KINDS] = {-1, -1, -1};
static int clients[ATTACH_KINDS][ATTACH_CLIENTS];
static int input_fd = -1;
static bool input_once, input_left;
/* Read from a writer, not yet taken by the container. While there is any, no writer is read. */
static char pending[PENDING_BYTES];
static size_t pending_at, pending_end;

static int listener_open(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket", name);
    strcpy(address.sun_path, name);         /* relative to the state directory, so that it is never too long */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind", name);
    if (listen(fd, ATTACH_CLIENTS) < 0) fail("listen", name);
    return fd;
}

void attach_open(int input, bool once, bool has_error) {
    for (int kind = 0; kind < ATTACH_KINDS; kind++)
        for (int i = 0; i < ATTACH_CLIENTS; i++) clients[kind][i] = -1;
    listeners[ATTACH_OUT] = listener_open(names[ATTACH_OUT]);
    if (has_error) listeners[ATTACH_ERR] = listener_open(names[ATTACH_ERR]);
    if (input < 0) return;
    if (fcntl(input, F_SETFL, O_NONBLOCK) < 0) fail("fcntl", "stdin");
    input_fd = input;
    input_once = once;
    listeners[ATTACH_IN] = listener_open(names[ATTACH_IN]);
}

static void drop(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* One too many is accepted and closed at once: it learns that, and does not wait. */
static void clients_accept(int kind) {
    int size = BACKLOG_BYTES;
    for (int fd; (fd = accept4(listeners[kind], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        int free = 0;
        while (free < ATTACH_CLIENTS && clients[kind][free] >= 0) free++;
        if (free == ATTACH_CLIENTS) { close(fd); continue; }
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
        clients[kind][free] = fd;
    }
}

/* Who connected before the container wrote gets it, so they are accepted here as well. */
void attach_send(int kind, const char *bytes, size_t length) {
    if (listeners[kind] < 0) return;
    clients_accept(kind);
    for (int i = 0; i < ATTACH_CLIENTS; i++) {
        int *fd = &clients[kind][i];
        if (*fd >= 0 && send(*fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) drop(fd);
    }
}

static void input_close(void) {
    drop(&input_fd);
    drop(&listeners[ATTACH_IN]);
    unlink(names[ATTACH_IN]);
    for (int i = 0; i < ATTACH_CLIENTS; i++) drop(&clients[ATTACH_IN][i]);
    pending_at = pending_end = 0;
}

static void input_flush(void) {
    ssize_t wrote = write(input_fd, pending + pending_at, pending_end - pending_at);
    if (wrote >= 0) pending_at += (size_t)wrote;
    else if (errno != EAGAIN && errno != EINTR) input_close();     /* the container closed its stdin */
}

static void input_read(int *fd) {
    ssize_t got = read(*fd, pending, sizeof pending);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        drop(fd);
        input_left = true;
        return;
    }
    pending_at = 0;
    pending_end = (size_t)got;
    input_flush();
}

/* The listeners come first, then the clients of each, last the container's stdin. */
static int slot(int kind, int client) { return ATTACH_KINDS + kind * ATTACH_CLIENTS + client; }

void attach_poll(struct pollfd *polled) {
    bool waits = pending_at < pending_end;
    for (int kind = 0; kind < ATTACH_KINDS; kind++) {
        polled[kind] = (struct pollfd){listeners[kind], POLLIN, 0};
        for (int i = 0; i < ATTACH_CLIENTS; i++) {
            bool input = kind == ATTACH_IN;
            /* of a reader only the hang-up is wanted, which is always told */
            polled[slot(kind, i)] = (struct pollfd){input && waits ? -1 : clients[kind][i], input ? POLLIN : 0, 0};
        }
    }
    polled[ATTACH_POLLS - 1] = (struct pollfd){waits ? input_fd : -1, POLLOUT, 0};
}

void attach_handle(const struct pollfd *polled) {
    if (polled[ATTACH_POLLS - 1].revents != 0) input_flush();
    for (int i = 0; i < ATTACH_CLIENTS; i++) {
        for (int kind = 0; kind < ATTACH_IN; kind++)
            if (polled[slot(kind, i)].revents != 0) drop(&clients[kind][i]);
        bool ready = polled[slot(ATTACH_IN, i)].revents != 0;
        if (ready && clients[ATTACH_IN][i] >= 0 && pending_at == pending_end) input_read(&clients[ATTACH_IN][i]);
    }
    for (int kind = 0; kind < ATTACH_KINDS; kind++)
        if (polled[kind].revents != 0 && listeners[kind] >= 0) clients_accept(kind);
    if (input_once && input_left && input_fd >= 0 && pending_at == pending_end) input_close();
}
