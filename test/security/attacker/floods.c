/* Too much of something. Each is bounded, so that nothing is lost where nobody stops it. */
#include "attacker.h"

#include <sys/wait.h>

/* `forks NUMBER`: children that stay. */
static void forks(char **words) {
    long made = 0, wanted = atol(words[0]);
    for (; made < wanted; made++) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0) { pause(); _exit(0); }
    }
    if (made == wanted) got(words[0]);
    else printf("stopped at %ld: %s\n", made, strerrorname_np(errno));
}

/* Children that end and that nobody waits for. */
static void zombies(char **words) {
    long made = 0, wanted = atol(words[0]);
    for (; made < wanted; made++) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0) _exit(0);
    }
    printf("%ld zombies\n", made);
    fflush(stdout);
    for (;;) pause();
}

/* `memory MEBIBYTES`: touches each page. */
static void memory(char **words) {
    size_t size = (size_t)atol(words[0]) << 20;
    char *bytes = malloc(size);
    if (bytes == NULL) { outcome(-1); return; }
    for (size_t at = 0; at < size; at += 4096) bytes[at] = 1;
    got(words[0]);
}

/* `fill PATH MEBIBYTES` */
static void fill(char **words) {
    static char block[1 << 20];
    long wanted = atol(words[1]);
    int fd = open(words[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) { outcome(-1); return; }
    memset(block, 'x', sizeof block);
    for (long i = 0; i < wanted; i++)
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block) {
            printf("stopped at %ld MiB: %s\n", i, strerrorname_np(errno));
            return;
        }
    got(words[1]);
}

/* `log MEBIBYTES`: lines; `line MEBIBYTES`: one. */
static void log_lines(char **words) {
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (size_t at = 127; at < sizeof block; at += 128) block[at] = '\n';
    for (long left = atol(words[0]) * 16; left > 0; left--)
        if (write(1, block, sizeof block) < 0) return;
}

static void log_line(char **words) {
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (long left = atol(words[0]) * 16; left > 0; left--)
        if (write(1, block, sizeof block) < 0) return;
}

/* Ignores what can be ignored, and makes itself hard to find. */
static void deaf(char **words) {
    (void)words;
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    printf("deaf\n");
    for (;;) pause();
}

/* Every signal, again and again, to all that it sees. */
static void storm(char **words) {
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    for (long left = atol(words[0]); left > 0; left--) {
        int number = (int)(left % 64) + 1;
        if (number == SIGSTOP || number == SIGKILL) continue;
        kill(-1, number);
        kill(1, number);
        kill(0, number);
    }
    kill(-1, SIGSTOP);
    kill(-1, SIGKILL);
    printf("storm is over\n");
    for (;;) pause();
}

const struct attempt flood_attempts[] = {
    {"forks", forks}, {"zombies", zombies}, {"eat", memory}, {"fill", fill}, {"log", log_lines}, {"line", log_line}, {"deaf", deaf},
    {"storm", storm}, {NULL, NULL}};
