/* Joins the streams of a container through conmon's socket `attach` in a directory: a packet is one byte that names the stream (2:
 * stdout, 3: stderr) and what was written; what is sent goes to the container's stdin, and the end of it ends that, as conmon was told.
 * OPTIONS are letters: `i` passes stdin on; `e` passes its end on; `l` stays on until the container's end when the reader leaves,
 * because leaving would end the container's stdin. Ends with 0 when conmon closes, and 75 when the reader took nothing for a while. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_BYTES = 64 * 1024, PATIENCE_MS = 5000, DROPPED = 75, STDOUT_STREAM = 2, STDERR_STREAM = 3 };

static struct queue out, err, in;
static char packet[PACKET_BYTES];

static int connect_to(const char *directory) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "attach"};
    /* the path of a socket has room for 107 bytes */
    if (chdir(directory) < 0) fail("enter", directory);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket", "attach");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect to", "attach");
    if (chdir("/") < 0) fail("enter", "/");
    return fd;
}

static long long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* False: conmon has closed. */
static bool read_packet(int socket) {
    ssize_t got = recv(socket, packet, sizeof packet, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    queue_put(packet[0] == STDERR_STREAM ? &err : &out, packet + 1, (size_t)got - 1);
    return true;
}

/* False: it has ended. */
static bool read_input(void) {
    ssize_t got = read(0, packet, sizeof packet);
    if (got > 0) queue_put(&in, packet, (size_t)got);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool pending(void) { return !queue_empty(&out) || !queue_empty(&err); }

static size_t queued(void) { return (out.end - out.begin) + (err.end - err.begin); }

/* Conmon takes packets of at most 8 KiB. */
static void send_input(int socket) {
    while (!queue_empty(&in)) {
        size_t length = in.end - in.begin;
        ssize_t sent = send(socket, in.bytes + in.begin, length > 8192 ? 8192 : length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) return;
        if (sent <= 0) {
            in.closed = true;
            sent = (ssize_t)length;
        }
        in.begin += (size_t)sent;
    }
    in.begin = in.end = 0;
}

static void linger(int socket) {
    struct pollfd one = {.fd = socket, .events = POLLIN};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++) dup2(nowhere, fd);
    out.closed = err.closed = true;
    while (poll(&one, 1, -1) >= 0 || errno == EINTR)
        if (one.revents != 0 && !read_packet(socket)) _exit(0);
    _exit(0);
}

static void after_end(void) {
    long long limit = now_ms() + PATIENCE_MS;
    while (pending() && now_ms() < limit) {
        struct pollfd ends[] = {{.fd = queue_empty(&out) ? -1 : 1, .events = POLLOUT}, {.fd = queue_empty(&err) ? -1 : 2, .events = POLLOUT}};
        poll(ends, 2, 200);
        queue_flush(&out);
        queue_flush(&err);
    }
    _exit(0);
}

_Noreturn void attach_run(const char *directory, const char *options) {
    bool input = strchr(options, 'i') != NULL, ends = strchr(options, 'e') != NULL, lingers = strchr(options, 'l') != NULL;
    int socket = connect_to(directory);
    queue_init(&out, 1);
    queue_init(&err, 2);
    queue_init(&in, socket);
    for (int fd = 0; fd < 3; fd++) nonblocking(fd);
    /* the parent waits for this before it counts as attached */
    if (write(3, "ready\n", 6) < 0) _exit(1);
    close(3);
    long long progress = now_ms();
    for (;;) {
        bool room = queue_room(&out) >= PACKET_BYTES && queue_room(&err) >= PACKET_BYTES;
        struct pollfd polled[] = {
            {.fd = socket, .events = (short)((room ? POLLIN : 0) | (queue_empty(&in) ? 0 : POLLOUT))},
            {.fd = input && queue_room(&in) >= PACKET_BYTES ? 0 : -1, .events = POLLIN},
            {.fd = out.closed ? -1 : 1, .events = queue_empty(&out) ? 0 : POLLOUT},
            {.fd = err.closed ? -1 : 2, .events = queue_empty(&err) ? 0 : POLLOUT},
        };
        poll(polled, 4, room ? -1 : 200);
        size_t before = queued();
        if (polled[2].revents & POLLERR) out.closed = true;
        bool reads = queue_flush(&out) && queue_flush(&err) && !out.closed;
        if (!reads && lingers) linger(socket);
        if (!reads) _exit(0);
        if (room || queued() < before) progress = now_ms();
        if (!room && now_ms() - progress > PATIENCE_MS) {
            if (lingers) linger(socket);
            _exit(DROPPED);
        }
        if (input && polled[1].revents != 0 && !read_input()) {
            input = false;
            /* what is on the way goes first: the end follows the last byte */
            if (ends) {
                fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK);
                send_input(socket);
                shutdown(socket, SHUT_WR);
                nonblocking(socket);
            }
        }
        send_input(socket);
        if (room && polled[0].revents & (POLLIN | POLLHUP | POLLERR) && !read_packet(socket)) after_end();
    }
}
