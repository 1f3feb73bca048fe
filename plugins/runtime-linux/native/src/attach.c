/* Others at the streams of a container, through listening sockets in its state directory. Who connects to `attach.out` or
 * `attach.err` receives what the container writes from then on; what comes through `attach.in` goes to its stdin. Plain
 * bytes. Who reads slowly sets the pace of the container, as a terminal does; who has not taken within STALL_MS what was read
 * last (HELD_BYTES at most, beyond the BACKLOG_BYTES of his socket) is dropped. With `stdinOnce` the stdin of the container
 * ends when the first writer has left; else it stays open for the next. */
#include "monitor.h"

#include <sys/un.h>

enum { BACKLOG_BYTES = 1 << 20, BACKLOG_CLIENTS = 128, PENDING_BYTES = 4096, HELD_BYTES = 16384, STALL_MS = 5000 };

static const char *const names[ATTACH_KINDS] = {"attach.out", "attach.err", "attach.in"};
static int listeners[ATTACH_KINDS] = {-1, -1, -1};
static int clients[ATTACH_KINDS][ATTACH_CLIENTS];
static int input_fd = -1;
static bool input_once, input_left, patient = true;
/* Read from a writer, not yet taken by the container. While there is any, no writer is read. */
static char pending[PENDING_BYTES];
static size_t pending_at, pending_end;

/* What was read last of stdout and stderr, while readers are behind with its last bytes: no more is read meanwhile. */
static struct held { char bytes[HELD_BYTES]; size_t length; int64_t until; } held[ATTACH_IN];
static size_t behind[ATTACH_IN][ATTACH_CLIENTS];

static int listener_open(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket", name);
    strcpy(address.sun_path, name);         /* relative to the state directory, so that it is never too long */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind", name);
    if (listen(fd, BACKLOG_CLIENTS) < 0) fail("listen", name);
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

static void reader_drop(int kind, int i) {
    drop(&clients[kind][i]);
    behind[kind][i] = 0;
}

static void reader_send(int kind, int i, const char *bytes, size_t length) {
    ssize_t sent = send(clients[kind][i], bytes, length, MSG_NOSIGNAL);
    bool full = sent < 0 && (errno == EAGAIN || errno == EINTR);
    if (sent < 0 && !full) reader_drop(kind, i);
    else behind[kind][i] = length - (full ? 0 : (size_t)sent);
}

bool attach_waits(int kind) {
    for (int i = 0; i < ATTACH_CLIENTS; i++)
        if (behind[kind][i] > 0) return true;
    return false;
}

/* Sent nothing any more. Left open: a socket that is closed before the end is recorded says that its reader was dropped. */
static void behind_leave(int kind) {
    for (int i = 0; i < ATTACH_CLIENTS; i++) {
        if (behind[kind][i] == 0) continue;
        clients[kind][i] = -1;
        behind[kind][i] = 0;
    }
}

void attach_hurry(void) {
    patient = false;
    for (int kind = 0; kind < ATTACH_IN; kind++) behind_leave(kind);
}

/* Called when nobody is behind. Who connected before the container wrote gets it, so they are accepted here as well. */
void attach_send(int kind, const char *bytes, size_t length) {
    if (listeners[kind] < 0) return;
    clients_accept(kind);
    for (int i = 0; i < ATTACH_CLIENTS; i++)
        if (clients[kind][i] >= 0) reader_send(kind, i, bytes, length);
    if (!patient) behind_leave(kind);
    if (!attach_waits(kind)) return;
    memcpy(held[kind].bytes, bytes, length);
    held[kind].length = length;
    held[kind].until = now_ms() + STALL_MS;
}

static void readers_catch_up(int kind) {
    const struct held *all = &held[kind];
    for (int i = 0; i < ATTACH_CLIENTS; i++) {
        if (behind[kind][i] == 0) continue;
        reader_send(kind, i, all->bytes + all->length - behind[kind][i], behind[kind][i]);
        if (behind[kind][i] > 0 && now_ms() >= all->until) reader_drop(kind, i);
    }
}

/* How long poll may wait: -1 for ever. */
int attach_timeout(void) {
    int64_t end = INT64_MAX;
    for (int kind = 0; kind < ATTACH_IN; kind++)
        if (attach_waits(kind) && held[kind].until < end) end = held[kind].until;
    if (end == INT64_MAX) return -1;
    int64_t left = end - now_ms();
    return left < 0 ? 0 : left > STALL_MS ? STALL_MS : (int)left;
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
    if (got <= 0) { drop(fd); input_left = true; return; }
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
            /* of a reader that is not behind only the hang-up is wanted, which is always told */
            short events = input ? POLLIN : behind[kind][i] > 0 ? POLLOUT : 0;
            polled[slot(kind, i)] = (struct pollfd){input && waits ? -1 : clients[kind][i], events, 0};
        }
    }
    polled[ATTACH_POLLS - 1] = (struct pollfd){waits ? input_fd : -1, POLLOUT, 0};
}

void attach_handle(const struct pollfd *polled) {
    if (polled[ATTACH_POLLS - 1].revents != 0) input_flush();
    for (int i = 0; i < ATTACH_CLIENTS; i++) {
        for (int kind = 0; kind < ATTACH_IN; kind++)
            if ((polled[slot(kind, i)].revents & ~POLLOUT) != 0) reader_drop(kind, i);
        bool ready = polled[slot(ATTACH_IN, i)].revents != 0;
        if (ready && clients[ATTACH_IN][i] >= 0 && pending_at == pending_end) input_read(&clients[ATTACH_IN][i]);
    }
    for (int kind = 0; kind < ATTACH_IN; kind++) readers_catch_up(kind);
    for (int kind = 0; kind < ATTACH_KINDS; kind++)
        if (polled[kind].revents != 0 && listeners[kind] >= 0) clients_accept(kind);
    if (input_once && input_left && input_fd >= 0 && pending_at == pending_end) input_close();
}
