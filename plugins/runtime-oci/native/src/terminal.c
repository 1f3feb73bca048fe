/* Runs a command of an OCI runtime that makes a terminal (`exec --tty`) and relays it: the runtime sends the other end of the terminal
 * to a socket NAME in this process's directory. Lines `COLUMNS ROWS` on descriptor 3 set its size. Ends as the command does. */
#include "helper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZES_FD = 3, CHUNK = 64 * 1024 };

static struct queue out, in;
static char chunk[CHUNK];
static char sizes[64];
static size_t sizes_length;
static int sizes_fd = SIZES_FD;

static int listen_at(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(name) >= sizeof address.sun_path) fail_text("terminal: the name of the socket is too long");
    strcpy(address.sun_path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0) fail("listen at", name);
    return fd;
}

static pid_t start(char **command) {
    pid_t pid = fork();
    if (pid < 0) fail("fork", command[0]);
    if (pid > 0) return pid;
    close(SIZES_FD);
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    fail("execute", command[0]);
}

static int receive(int socket) {
    int fd = -1;
    char byte[4096], control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {byte, sizeof byte};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &packet, MSG_CMSG_CLOEXEC) <= 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS) return -1;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static _Noreturn void end_as(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The terminal, or the end of a command that never made one. */
static int terminal_of(int listener, pid_t child) {
    for (;;) {
        struct pollfd one = {.fd = listener, .events = POLLIN};
        if (poll(&one, 1, 50) > 0) {
            int connection = accept(listener, NULL, NULL), terminal = receive(connection);
            close(connection);
            if (terminal < 0) fail_text("terminal: the runtime sent none");
            return terminal;
        }
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child) end_as(child);
    }
}

static void resize(int terminal) {
    ssize_t got = read(sizes_fd, sizes + sizes_length, sizeof sizes - 1 - sizes_length);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        sizes_fd = -1;
        return;
    }
    sizes_length += (size_t)got;
    sizes[sizes_length] = '\0';
    char *line = sizes, *end;
    while ((end = strchr(line, '\n')) != NULL) {
        unsigned columns = 0, rows = 0;
        if (sscanf(line, "%u %u", &columns, &rows) == 2) {
            struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
            ioctl(terminal, TIOCSWINSZ, &size);
        }
        line = end + 1;
    }
    sizes_length = strlen(line);
    if (sizes_length == sizeof sizes - 1) sizes_length = 0;
    memmove(sizes, line, sizes_length);
}

static void relay_input(int *input, int terminal) {
    static const char end_of_file = 4;
    ssize_t got = read(0, chunk, sizeof chunk);
    if (got > 0) queue_put(&in, chunk, (size_t)got);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return;
    *input = -1;
    if (got == 0 && queue_empty(&in) && write(terminal, &end_of_file, 1) < 0) return;
}

_Noreturn void terminal_run(const char *name, char **command) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = listen_at(name);
    pid_t child = start(command);
    int terminal = terminal_of(listener, child), input = 0;
    close(listener);
    unlink(name);
    queue_init(&out, 1);
    queue_init(&in, terminal);
    for (int fd = 0; fd < 2; fd++) nonblocking(fd);
    nonblocking(terminal);
    for (;;) {
        bool room = queue_room(&out) >= CHUNK;
        struct pollfd polled[] = {
            {.fd = terminal, .events = (short)((room ? POLLIN : 0) | (queue_empty(&in) ? 0 : POLLOUT))},
            {.fd = queue_room(&in) >= CHUNK ? input : -1, .events = POLLIN},
            {.fd = queue_empty(&out) ? -1 : 1, .events = POLLOUT},
            {.fd = sizes_fd, .events = POLLIN},
        };
        poll(polled, 4, -1);
        if (polled[3].revents != 0) resize(terminal);
        if (polled[1].revents != 0) relay_input(&input, terminal);
        queue_flush(&in);
        queue_flush(&out);
        if (room && polled[0].revents != 0) {
            ssize_t got = read(terminal, chunk, sizeof chunk);
            if (got > 0) queue_put(&out, chunk, (size_t)got);
            else if (got == 0 || errno == EIO) break; /* the last process let go of it */
        }
        queue_flush(&out);
    }
    while (!queue_empty(&out)) {
        struct pollfd one = {.fd = 1, .events = POLLOUT};
        poll(&one, 1, 1000);
        if ((one.revents & POLLOUT) == 0 || !queue_flush(&out)) break;
    }
    end_as(child);
}
