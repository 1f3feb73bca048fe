/* Connects to a port on the loopback of a network namespace and passes the socket to the parent, a Node process whose IPC channel
 * is descriptor 3, as Node passes a `net.Socket`. */
#include "helper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

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
    nonblocking(fd);
    return fd;
}

static void pass(int fd) {
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {(char *)message, strlen(message)};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(CHANNEL_FD, &packet, MSG_NOSIGNAL) < 0) fail("pass", "socket");
}

_Noreturn void dial_run(const char *network_namespace, const char *port) {
    in_port_t number = htons((in_port_t)strtoul(port, NULL, 10));
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = number, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = number, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int namespace = open(network_namespace, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) fail("open", network_namespace);
    if (setns(namespace, CLONE_NEWNET) < 0) fail("setns", network_namespace);
    int fd = dial((struct sockaddr *)&four, sizeof four), error = errno;
    if (fd < 0) fd = dial((struct sockaddr *)&six, sizeof six);
    if (fd < 0) {
        char text[128];
        snprintf(text, sizeof text, "nothing answers on port %s of localhost: %s", port, strerror(error));
        fail_text(text);
    }
    pass(fd);
    _exit(0);
}
