/* Connects to a port on the loopback of a network namespace and gives the socket to the parent, which from then on has the
 * connection to itself: this process ends. The parent is a Node process, descriptor 3 its IPC channel, and the message the one
 * with which Node passes a `net.Socket`. */
#include "monitor.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

enum { CHANNEL_FD = 3, CONNECT_SECONDS = 5 };

static const char message[] = "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{}}\n";

/* -1: errno says why. Waits for a listener whose queue is full, but not for ever. */
static int dial(const struct sockaddr *address, socklen_t length) {
    struct timeval limit = {.tv_sec = CONNECT_SECONDS}, none = {0};
    int on = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, address, length) < 0) {
        int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
        close(fd);
        errno = error;
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl", "socket");
    return fd;
}

_Noreturn void dial_run(const char *namespace, const char *port_text) {
    in_port_t port = htons((in_port_t)strtoul(port_text, NULL, 10));
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = port, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    namespace_join(namespace, CLONE_NEWNET);
    int fd = dial((struct sockaddr *)&four, sizeof four), error = errno;
    if (fd < 0) fd = dial((struct sockaddr *)&six, sizeof six);
    if (fd < 0) fail_text(EXIT_CANNOT_START, "nothing answers on port %s of localhost: %s", port_text, strerror(error));
    fd_pass(CHANNEL_FD, fd, message, strlen(message));
    _exit(0);
}
