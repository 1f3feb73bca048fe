/* A further process in a running container: joins the namespaces and cgroups of its init and runs a command with the
 * caller's stdio. With a terminal, descriptor 3 takes lines `columns rows`. Ends with the command's exit code. SIGTERM
 * kills the command. */
#include "monitor.h"

#include <sys/wait.h>

enum { RESIZE_FD = 3, COPY_BYTES = 8192 };

static pid_t command_pid;

/* Only so that the command is reaped here: handed over to the node's pid 1 it could delay the end of its pid namespace. */
static void on_end(int number) {
    (void)number;
    kill(command_pid, SIGKILL);
}

static void namespaces_join(const struct spec *spec) {
    int process = (int)syscall(SYS_pidfd_open, spec->pid, 0);
    if (process < 0) fail("pidfd_open", "container");
    int kinds = (spec->id_count > 0 ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    if (setns(process, kinds) < 0) fail("setns", "container");
    close(process);
    if (spec->id_count > 0) user_namespace_root();
}

static _Noreturn void command_run(struct spec *spec, int alive, int console_socket) {
    struct identity identity;
    signal(SIGPIPE, SIG_DFL);
    if (setsid() < 0) fail("setsid", "session");
    keyring_make();
    identity_resolve(spec, &identity);
    if (spec->tty) {
        int console = terminal_open();
        fd_send(console_socket, console);
        terminal_attach(console);
        report_to(STDERR_FILENO);
    }
    working_directory_enter(spec);
    privileges_apply(spec, &identity);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("prctl", "PR_SET_PDEATHSIG");
    struct pollfd parent = {alive, POLLIN, 0};
    if (poll(&parent, 1, 0) != 0) _exit(1); /* the parent ended before the line above */
    descriptors_close(3, true);
    command_execute(spec, &identity);
}

static bool copy(int from, int to) {
    char bytes[COPY_BYTES];
    ssize_t got = read(from, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    for (ssize_t sent = 0; sent < got;) {
        ssize_t wrote = write(to, bytes + sent, (size_t)(got - sent));
        if (wrote < 0 && errno != EINTR) return false;
        if (wrote > 0) sent += wrote;
    }
    return true;
}

static bool resize_read(int console) {
    char text[64];
    unsigned columns, rows;
    ssize_t got = read(RESIZE_FD, text, sizeof text - 1);
    if (got <= 0) return false;
    text[got] = '\0';
    if (sscanf(text, "%u %u", &columns, &rows) == 2) terminal_resize(console, columns, rows);
    return true;
}

/* Until the terminal hangs up, that is: all who had it open are gone. */
static void terminal_relay(int console) {
    bool input = true, resizes = true;
    for (;;) {
        struct pollfd polled[3] = {
            {console, POLLIN, 0}, {input ? STDIN_FILENO : -1, POLLIN, 0}, {resizes ? RESIZE_FD : -1, POLLIN, 0}};
        if (poll(polled, 3, -1) < 0 && errno != EINTR) return;
        if (polled[0].revents != 0 && !copy(console, STDOUT_FILENO)) return;
        if (polled[1].revents != 0 && !copy(STDIN_FILENO, console)) input = false;
        if (polled[2].revents != 0 && !resize_read(console)) resizes = false;
    }
}

_Noreturn void session_run(const char *spec_path) {
    struct spec spec;
    int alive[2], console[2] = {-1, -1}, status;
    report_plainly();
    spec_read(&spec, spec_path);
    unlink(spec_path);
    undumpable_become();                    /* processes of the container must not reach us through /proc */
    descriptors_close(spec.tty ? RESIZE_FD + 1 : RESIZE_FD, false);
    if (pipe2(alive, O_CLOEXEC) < 0) fail("pipe2", "session");
    if (spec.tty && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0) fail("socketpair", "console");
    limits_apply(&spec);
    cgroup_join(&spec.cgroups);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);        /* the node's */
    if (null < 0) fail("open", "/dev/null");
    namespaces_join(&spec);
    command_pid = fork();
    if (command_pid < 0) fail("fork", "session");
    if (command_pid == 0) {
        close(alive[1]);
        command_run(&spec, alive[0], console[1]);
    }
    close(alive[0]);
    signal(SIGTERM, on_end);
    prctl(PR_SET_PDEATHSIG, SIGTERM);       /* the agent went away, and with it those who read */
    signal(SIGPIPE, SIG_IGN);
    if (spec.tty) {
        close(console[1]);
        int terminal = fd_receive(console[0]);
        if (terminal >= 0) terminal_relay(terminal);
    } else {
        dup2(null, 0);                      /* so that the command's end of input and output are the only ones */
        dup2(null, 1);
    }
    while (waitpid(command_pid, &status, 0) < 0 && errno == EINTR) continue;
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}
