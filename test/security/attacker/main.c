#include "attacker.h"

void outcome(long result) {
    const char *name = result >= 0 ? "ok" : strerrorname_np(errno);
    printf("%s\n", name == NULL ? "unknown error" : name);
}

void got(const char *text) { printf("ok %s\n", text); }

int main(int count, char **words) {
    const struct attempt *const tables[] = {call_attempts, file_attempts, process_attempts, flood_attempts};
    char *padded[8] = {NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 2; i < count && i < 9; i++) padded[i - 2] = words[i];
    for (size_t i = 0; count > 1 && i < sizeof tables / sizeof *tables; i++)
        for (const struct attempt *each = tables[i]; each->name != NULL; each++)
            if (strcmp(each->name, words[1]) == 0) { each->run(padded); return 0; }
    fprintf(stderr, "there is no such attempt: %s\n", count > 1 ? words[1] : "");
    return 2;
}
