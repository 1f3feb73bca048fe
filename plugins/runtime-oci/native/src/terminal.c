/* Runs a command of an OCI runtime that makes a process with a terminal (`exec --tty --detach`) and relays it: the runtime sends the
 * other end of the terminal to the socket NAME.tty and writes the pid to the file NAME.pid, both in this process's directory. Lines
 * `COLUMNS ROWS` on descriptor 3 set its size. Ends as the process does, or as the command when that failed. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
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
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) dup2(nothing, 0);
    dup2(2, 1);
    close(SIZES_FD);
    if (nothing > 2) close(nothing);
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

static bool has_ended(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

static int status_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return 128;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The terminal; ends as the command does when that never makes one. */
static int terminal_of(int listener, pid_t command) {
    for (;;) {
        struct pollfd one = {.fd = listener, .events = POLLIN};
        if (poll(&one, 1, 50) > 0) {
            int connection = accept(listener, NULL, NULL), terminal = receive(connection);
            close(connection);
            if (terminal >= 0) return terminal;
        }
        if (has_ended(command)) {
            int status = status_of(command);
            _exit(status == 0 ? 128 : status);
        }
    }
}

/* The process that the command made: it is ours to wait for once the command has ended. */
static pid_t made_by(pid_t command, const char *name) {
    char path[256];
    long pid = 0;
    int status = status_of(command);
    if (status != 0) _exit(status);
    snprintf(path, sizeof path, "%s.pid", name);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%ld", &pid) != 1 || pid <= 0) fail("read", path);
    fclose(file);
    return (pid_t)pid;
}

static void wake(int number) { (void)number; }

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

/* False: the last process let go of the terminal. */
static bool relay_output(int terminal) {
    ssize_t got = read(terminal, chunk, sizeof chunk);
    if (got > 0) queue_put(&out, chunk, (size_t)got);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void relay(int terminal, pid_t process) {
    int input = 0;
    for (bool open = true; open;) {
        bool room = queue_room(&out) >= CHUNK, over = has_ended(process);
        struct pollfd polled[] = {
            {.fd = terminal, .events = (short)((room ? POLLIN : 0) | (queue_empty(&in) ? 0 : POLLOUT))},
            {.fd = queue_room(&in) >= CHUNK ? input : -1, .events = POLLIN},
            {.fd = queue_empty(&out) ? -1 : 1, .events = POLLOUT},
            {.fd = sizes_fd, .events = POLLIN},
        };
        /* SIGCHLD ends the wait; one that came before it costs a fraction of a second */
        int ready = poll(polled, 4, over ? 0 : 100);
        if (ready <= 0) {
            if (over) return;
            continue;
        }
        if (polled[3].revents != 0) resize(terminal);
        if (polled[1].revents != 0) relay_input(&input, terminal);
        queue_flush(&in);
        if (room && polled[0].revents != 0) open = relay_output(terminal);
        queue_flush(&out);
        if (over && (polled[0].revents & POLLIN) == 0) return;
    }
}

_Noreturn void terminal_run(const char *name, char **command) {
    char socket_name[128];
    struct sigaction action = {.sa_handler = wake};
    if (snprintf(socket_name, sizeof socket_name, "%s.tty", name) >= (int)sizeof socket_name) fail_text("terminal: the name is too long");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigaction(SIGCHLD, &action, NULL);
    int listener = listen_at(socket_name);
    pid_t started = start(command);
    int terminal = terminal_of(listener, started);
    close(listener);
    unlink(socket_name);
    queue_init(&out, 1);
    queue_init(&in, terminal);
    for (int fd = 0; fd < 2; fd++) nonblocking(fd);
    nonblocking(terminal);
    pid_t process = made_by(started, name);
    relay(terminal, process);
    while (!queue_empty(&out)) {
        struct pollfd one = {.fd = 1, .events = POLLOUT};
        poll(&one, 1, 1000);
        if ((one.revents & POLLOUT) == 0 || !queue_flush(&out)) break;
    }
    _exit(status_of(process));
}
