/* The launcher: one small process that the agent keeps. A request is a fork of it, which costs a tenth of what the agent
 * pays for starting a program, and the program is sealed once for all. Requests come on stdin: `NUMBER ROLE DIRECTORY`, each ended
 * by a NUL byte; answers go to stdout: `NUMBER TEXT`, ended alike; the text is `R` for done, what `fail` printed, nothing where
 * the child was killed, or `F` and why where none could be made. `0 cancel NUMBER` kills the child of a request. When its stdin ends, it ends with the last job that it has; what those started goes on. */
#include "monitor.h"

enum { JOBS = 64, REQUEST_BYTES = 8192, TEXT_BYTES = 1024 };

struct job { unsigned long number; pid_t pid; int output; size_t length; char text[TEXT_BYTES + 1]; };

static struct job jobs[JOBS];
static size_t job_count;
static char requests[REQUEST_BYTES];
static size_t request_length;
static bool at_end;
static char *title;                         /* what ps shows of this process: its own arguments, overwritten */
static size_t title_size;

/* A job does not outlive the launcher, whose end makes it fail: what it would go on to make, nobody would remove. */
static void job_bind(pid_t launcher) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("prctl", "PR_SET_PDEATHSIG");
    if (getppid() != launcher) _exit(1);    /* it ended before the line above */
}

/* What stays after its job is on its own. */
void job_done(void) {
    prctl(PR_SET_PDEATHSIG, 0);
    if (write(STDERR_FILENO, "R", 1) != 1) fail("write", "launcher pipe");
}

_Noreturn void job_end(void) {
    job_done();
    close(STDERR_FILENO);                   /* the end of the process takes its time */
    _exit(0);
}

static void title_set(const char *role, const char *directory) {
    int length = snprintf(title, title_size, "timonel-monitor%c%s%c%s", 0, role, 0, directory);
    if (length >= 0 && (size_t)length < title_size) memset(title + length, 0, title_size - (size_t)length);
}

/* All descriptors above 2 are the launcher's: a child has none of them. */
static _Noreturn void job_run(const char *role, const char *directory, int output, pid_t launcher) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    report_to(output);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(output, 2) < 0) fail("dup2", "/dev/null");
    descriptors_close(3, false);
    report_to(STDERR_FILENO);
    job_bind(launcher);
    signal(SIGCHLD, SIG_DFL);
    umask(022);                             /* whatever that of the agent is */
    title_set(role, directory);
    role_run(role, directory);
}

static void answer(unsigned long number, const char *result) {
    char text[TEXT_BYTES + 64];
    int length = snprintf(text, sizeof text, "%lu %.*s", number, TEXT_BYTES, result) + 1;
    for (int sent = 0; sent < length;) {
        ssize_t wrote = write(STDOUT_FILENO, text + sent, (size_t)(length - sent));
        if (wrote < 0 && errno != EINTR) _exit(0);  /* nobody listens any more */
        if (wrote > 0) sent += (int)wrote;
    }
}

static void job_refuse(unsigned long number, const char *call) {
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "FE%d %s: %s: no process can be made for a container: is a limit of processes reached?", EXIT_CANNOT_START, call,
             strerror(errno));
    answer(number, text);
}

/* One that ended has closed its output, and its pid may be another's. */
static void job_cancel(unsigned long number) {
    for (size_t i = 0; i < job_count; i++) {
        struct pollfd output = {jobs[i].output, 0, 0};
        if (jobs[i].number == number && poll(&output, 1, 0) == 0) kill(jobs[i].pid, SIGKILL);
    }
}

static void job_start(char *request) {
    char *role, *directory;
    int output[2];
    struct job *job = &jobs[job_count];
    job->number = strtoul(request, &role, 10);
    if (*role != ' ' || (directory = strchr(role + 1, ' ')) == NULL) fail_text(EXIT_CANNOT_START, "launcher: '%.64s' is no request", request);
    *directory++ = '\0';
    if (strcmp(role + 1, "cancel") == 0) { job_cancel(strtoul(directory, NULL, 10)); return; }
    if (pipe2(output, O_CLOEXEC) < 0) { job_refuse(job->number, "pipe2"); return; }
    pid_t launcher = getpid(), pid = fork();
    if (pid == 0) job_run(role + 1, directory, output[1], launcher);
    if (pid < 0) job_refuse(job->number, "fork");
    close(output[1]);
    if (pid < 0) { close(output[0]); return; }
    job->pid = pid;
    job->output = output[0];
    job->length = 0;
    job_count++;
}

/* The end of its output is the end of the job: of all that it made, and that may still say what failed. */
static void job_read(size_t index) {
    struct job *job = &jobs[index];
    ssize_t got = read(job->output, job->text + job->length, TEXT_BYTES - job->length);
    if (got < 0) return;
    job->length += (size_t)got;
    if (got > 0) return;                    /* none: its end, or no more room */
    close(job->output);
    job->text[job->length] = '\0';
    answer(job->number, job->text);
    jobs[index] = jobs[--job_count];
}

static void requests_start(void) {
    char *from = requests, *end;
    size_t left = request_length;
    while (job_count < JOBS && (end = memchr(from, '\0', left)) != NULL) {
        job_start(from);
        left -= (size_t)(end + 1 - from);
        from = end + 1;
    }
    memmove(requests, from, left);
    request_length = left;
}

_Noreturn void serve_run(char **arguments) {
    struct pollfd polled[JOBS + 1];
    title = arguments[0];
    for (char **each = arguments; *each != NULL; each++) title_size = (size_t)(*each + strlen(*each) + 1 - title);
    signal(SIGCHLD, SIG_IGN);               /* monitors are its children as long as it lives: nobody waits for them */
    prctl(PR_SET_NAME, "timonel-launch");
    for (;;) {
        bool reads = !at_end && request_length < REQUEST_BYTES && job_count < JOBS;
        if (at_end && job_count == 0) _exit(0);
        polled[0] = (struct pollfd){reads ? STDIN_FILENO : -1, POLLIN, 0};
        for (size_t i = 0; i < job_count; i++) polled[i + 1] = (struct pollfd){jobs[i].output, POLLIN, 0};
        size_t count = job_count;
        if (poll(polled, count + 1, -1) < 0) { if (errno != EINTR) fail("poll", "launcher"); continue; }
        for (size_t i = count; i > 0; i--)
            if (polled[i].revents != 0) job_read(i - 1);
        if (polled[0].revents != 0) {
            ssize_t got = read(STDIN_FILENO, requests + request_length, REQUEST_BYTES - request_length);
            if (got == 0) at_end = true;
            if (got > 0) request_length += (size_t)got;
        }
        requests_start();
        if (request_length == REQUEST_BYTES && memchr(requests, '\0', request_length) == NULL)
            fail_text(EXIT_CANNOT_START, "launcher: a request is longer than %d bytes", REQUEST_BYTES);
    }
}
