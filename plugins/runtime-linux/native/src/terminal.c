#include "monitor.h"

#include <sys/ioctl.h>

/* A pseudo terminal of the container's own devpts. Called inside of it. */
int terminal_open(void) {
    int console = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (console < 0) fail("open", "/dev/ptmx");
    if (unlockpt(console) < 0) fail("unlockpt", "/dev/ptmx");
    return console;
}

/* Makes the other side of `console` the controlling terminal and stdio of the caller, a session leader. */
void terminal_attach(int console) {
    int terminal = ioctl(console, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) fail("ioctl", "TIOCGPTPEER");
    if (ioctl(terminal, TIOCSCTTY, 0) < 0) fail("ioctl", "TIOCSCTTY");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(terminal, fd) < 0) fail("dup2", "terminal");
    close(terminal);
    close(console);
}

void terminal_resize(int console, unsigned columns, unsigned rows) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    ioctl(console, TIOCSWINSZ, &size);
}

/* With bytes, of which there must be one at least. */
void fd_pass(int socket, int fd, const char *bytes, size_t length) {
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {(char *)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(socket, &message, MSG_NOSIGNAL) != (ssize_t)length) fail("sendmsg", "descriptor");
}

void fd_send(int socket, int fd) { fd_pass(socket, fd, "f", 1); }

/* -1: the other side ended without sending one. */
int fd_receive(int socket) {
    int fd = -1;
    char byte, control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
