/* The monitor of one container: parent of its pid 1. It outlives the agent, writes the log, and leaves records in its
 * working directory, which is gone after a boot:
 *   monitor  its own pid, first of all
 *   created  the pid of the container, once the container is prepared and waits for `start`
 *   started  once execve succeeded
 *   exit     how it ended; also when execve failed. Then also in the directory `state`, which outlives a boot
 * After each record it touches the event file. Commands come through the FIFO `control`: `start`, `signal N`, `resize C R`.
 * Its streams are shared through the sockets of attach.c. */
#include "monitor.h"

#include <sys/signalfd.h>
#include <sys/wait.h>

enum { DRAIN_MS = 2000, RETRY_MS = 20, STREAM_POLLS = 2, LAST_READS = 4096 };

static struct spec spec;
static struct stream streams[2];
static pid_t init_pid;
static int control_fd, child_fd, go_fd, report_in, console_fd = -1, input_fd = -1;
static int64_t started_at;                  /* 0: not started */

/* A hint only: the records are the truth. One event for whoever watches: the file is made, or its times change. */
static void announce(void) {
    if (utimensat(AT_FDCWD, spec.event, NULL, 0) == 0) return;
    int fd = open(spec.event, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
}

static void pipe_open(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) fail("pipe2", "container");
}

/* The child inherits all of these ends; it closes what is ours by close_range before execve. */
static void init_fork(void) {
    int report[2], go[2], input[2] = {-1, -1}, output[2] = {-1, -1}, error[2] = {-1, -1}, console[2] = {-1, -1};
    pipe_open(report);
    pipe_open(go);
    if (spec.tty && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0) fail("socketpair", "console");
    if (!spec.tty) { pipe_open(output); pipe_open(error); }
    if (!spec.tty && spec.input) pipe_open(input);
    namespace_join(spec.ns_pid, CLONE_NEWPID);
    bool own_pid = spec.ns_pid == NULL && !spec.host_pid && spec.ns_user == NULL;
    init_pid = (pid_t)syscall(SYS_clone, (own_pid ? CLONE_NEWPID : 0) | SIGCHLD, NULL, NULL, NULL, NULL);
    if (init_pid < 0) fail("clone", "container");
    if (init_pid == 0) {
        close(go[1]);
        struct handshake handshake = {report[1], go[0], input[0], output[1], error[1], console[1]};
        init_run(&spec, &handshake);
    }
    close(report[1]);
    close(go[0]);
    report_in = report[0];
    go_fd = go[1];
    if (spec.tty) {
        close(console[1]);
        console_fd = fd_receive(console[0]);
        close(console[0]);
        stream_open(&streams[0], ATTACH_OUT, console_fd);
        stream_open(&streams[1], ATTACH_ERR, -1);
        /* a descriptor of its own: the stream closes the other when the terminal hangs up */
        if (spec.input && console_fd >= 0) input_fd = fcntl(console_fd, F_DUPFD_CLOEXEC, 3);
        return;
    }
    close(output[1]);
    close(error[1]);
    stream_open(&streams[0], ATTACH_OUT, output[0]);
    stream_open(&streams[1], ATTACH_ERR, error[0]);
    if (spec.input) close(input[0]);
    input_fd = input[1];
}

static void exit_record(int code, int number, bool oom, const char *reason, const char *message) {
    long long finished_at = now_ms();
    const int places[] = {AT_FDCWD, spec.state_fd};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        record_write(places[i], "exit", "exitCode %d\nsignal %d\noomKilled %d\nstartedAt %lld\nfinishedAt %lld\nreason %s\nmessage %s\n",
                     code, number, oom, (long long)started_at, finished_at, reason, message);
        if (i == 0) announce();
    }
    record_sync(spec.state_fd, "exit");
    _exit(0);
}

/* Reads `E<code> <text>` of the init. Empty: it sent nothing, and closed its end. */
static size_t report_read(char *text, size_t size) {
    ssize_t got;
    do got = read(report_in, text, size - 1);
    while (got < 0 && errno == EINTR);
    if (got < 0) got = 0;
    text[got] = '\0';
    return (size_t)got;
}

/* `P<pid>`: the first process made another, which is the container's. What follows is that one's report. */
static size_t successor_take(char *text, size_t size) {
    char *rest;
    waitpid(init_pid, NULL, 0);
    init_pid = (pid_t)strtol(text + 1, &rest, 10);
    size_t length = strlen(++rest);         /* past the end of the line, with which the pid came whole */
    memmove(text, rest, length + 1);
    return length > 0 ? length : report_read(text, size);
}

static void await_ready(void) {
    char text[1024];
    size_t length = report_read(text, sizeof text);
    if (text[0] == 'P') length = successor_take(text, sizeof text);
    if (length == 0) {
        int status = 0;
        waitpid(init_pid, &status, 0);
        fail_text(EXIT_CANNOT_START, "the container's first process ended before it was ready (status 0x%x); is its memory limit too small?", status);
    }
    if (text[0] == 'R') return;
    char *message = strchr(text, ' ');
    waitpid(init_pid, NULL, 0);
    fail_text((int)strtol(text + 1, NULL, 10), "%s", message == NULL ? text : message + 1);
}

static void start(void) {
    char text[1024];
    if (started_at != 0) return;
    if (write(go_fd, "g", 1) != 1) return;  /* it died: SIGCHLD tells */
    if (report_read(text, sizeof text) > 0) {
        char *message = strchr(text, ' ');
        waitpid(init_pid, NULL, 0);
        exit_record((int)strtol(text + 1, NULL, 10), 0, false, "StartError", message == NULL ? text : message + 1);
    }
    started_at = now_ms();
    close(go_fd);
    close(report_in);
    record_write(AT_FDCWD, "started", "startedAt %lld\n", (long long)started_at);
    announce();
}

static void command_run(const char *line) {
    unsigned first, second;
    if (strcmp(line, "start") == 0) start();
    else if (sscanf(line, "signal %u", &first) == 1) kill(init_pid, (int)first);
    else if (sscanf(line, "resize %u %u", &first, &second) == 2 && console_fd >= 0) terminal_resize(console_fd, first, second);
}

/* Writers send whole lines below PIPE_BUF, so a line is never torn. */
static void commands_read(void) {
    char text[512], *rest = NULL;
    ssize_t got = read(control_fd, text, sizeof text - 1);
    if (got <= 0) return;
    text[got] = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) command_run(line);
}

static void streams_poll(struct pollfd *polled) {
    for (int i = 0; i < STREAM_POLLS; i++) {
        bool paused = attach_waits(streams[i].kind);
        polled[i] = (struct pollfd){paused ? -1 : streams[i].fd, POLLIN, 0};
    }
    attach_poll(polled + STREAM_POLLS);
}

static void streams_handle(const struct pollfd *polled) {
    attach_handle(polled + STREAM_POLLS);
    for (int i = 0; i < STREAM_POLLS; i++)
        if (polled[i].revents != 0) stream_read(&streams[i]);
}

/* Nobody is waited for any more: what is in the pipes gets into the log. The bound is for a writer outside of the container. */
static void streams_finish(void) {
    attach_hurry();
    for (int reads = 0; reads < LAST_READS; reads++) {
        struct pollfd polled[STREAM_POLLS];
        for (int i = 0; i < STREAM_POLLS; i++) polled[i] = (struct pollfd){streams[i].fd, POLLIN, 0};
        if (poll(polled, STREAM_POLLS, 0) <= 0) break;
        for (int i = 0; i < STREAM_POLLS; i++)
            if (polled[i].revents != 0) stream_read(&streams[i]);
    }
    for (int i = 0; i < STREAM_POLLS; i++) stream_close(&streams[i]);
}

/* A socket counts as writable when most of it was read, and there is little time: so readers are tried again and again. */
static void streams_drain(void) {
    int64_t end = now_ms() + DRAIN_MS;
    for (;;) {
        bool waits = attach_waits(ATTACH_OUT) || attach_waits(ATTACH_ERR);
        if (streams[0].fd < 0 && streams[1].fd < 0 && !waits) return;
        struct pollfd polled[STREAM_POLLS + ATTACH_POLLS];
        streams_poll(polled);
        int64_t left = end - now_ms();
        if (left <= 0) break;
        if (poll(polled, STREAM_POLLS + ATTACH_POLLS, waits && left > RETRY_MS ? RETRY_MS : (int)left) < 0) continue;
        streams_handle(polled);
    }
    streams_finish();
}

static void child_reap(void) {
    struct signalfd_siginfo ignored;
    while (read(child_fd, &ignored, sizeof ignored) > 0) continue;
    int status;
    if (waitpid(init_pid, &status, WNOHANG) != init_pid) return;
    bool oom = cgroup_oom_killed(spec.oom_file);
    if (spec.ns_pid != NULL || spec.host_pid) cgroup_kill_all(&spec.cgroups);
    streams_drain();
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = number != 0 ? 128 + number : WEXITSTATUS(status);
    const char *reason = oom && code != 0 ? "OOMKilled" : code == 0 ? "Completed" : "Error";
    exit_record(code, number, oom, reason, started_at != 0 ? "" : "ended before it was started");
}

static _Noreturn void monitor_loop(void) {
    for (;;) {
        struct pollfd polled[2 + STREAM_POLLS + ATTACH_POLLS] = {{control_fd, POLLIN, 0}, {child_fd, POLLIN, 0}};
        streams_poll(polled + 2);
        if (poll(polled, 2 + STREAM_POLLS + ATTACH_POLLS, attach_timeout()) < 0) { if (errno != EINTR) fail("poll", "monitor"); continue; }
        streams_handle(polled + 2);
        if (polled[0].revents != 0) commands_read();
        if (polled[1].revents != 0) child_reap();
    }
}

static void monitor_prepare(void) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    child_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child_fd < 0) fail("signalfd", "monitor");
    if (mkfifo("control", 0600) < 0 && errno != EEXIST) fail("mkfifo", "control");
    control_fd = open("control", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (control_fd < 0) fail("open", "control");
}

/* Where the files of the container go, which is on a disk that has room for them. */
static void state_make(void) {
    static const char *const names[] = {"upper", "work"};
    if (spec.state == NULL) fail_text(EXIT_CANNOT_START, "spec: no state directory");
    spec.state_fd = open(spec.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spec.state_fd < 0) fail("open", spec.state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mkdirat(spec.state_fd, names[i], 0755) < 0 && errno != EEXIST) fail("mkdir", names[i]);
    if (mkdir("rootfs", 0755) < 0) fail("mkdir", "rootfs");
}

/* In a child of the launcher: answers once the container is prepared, or says why not; then it goes on as its monitor. */
_Noreturn void container_run(const char *directory) {
    if (chdir(directory) < 0) fail("chdir", directory);
    spec_read(&spec, "spec");
    setsid();
    prctl(PR_SET_NAME, "timonel-monitor");
    state_make();
    log_open(spec.log, spec.log_limit, spec.log_files);
    record_write(AT_FDCWD, "monitor", "pid %d\nstartTime %llu\n", getpid(), process_start_time(getpid()));
    monitor_prepare();
    device_program_attach(&spec);
    init_fork();
    await_ready();
    attach_open(input_fd, spec.input_once && !spec.tty, !spec.tty);
    record_write(AT_FDCWD, "created", "pid %d\nstartTime %llu\n", init_pid, process_start_time(init_pid));
    job_done();
    /* the null device: with this the job is done */
    if (dup2(STDIN_FILENO, STDERR_FILENO) < 0) fail("dup2", "/dev/null");
    monitor_loop();
}
