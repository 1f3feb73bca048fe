/* A program that tries what a container must not be able to do. `attacker NAME WORDS…` tries one thing and prints what became of it, on a
 * line of its own: `ok` with what it got, or the name of the error. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

struct attempt { const char *name; void (*run)(char **words); };

extern const struct attempt call_attempts[], file_attempts[], process_attempts[], flood_attempts[];

/* Prints `ok` or the error of a call that answers with -1. */
void outcome(long result);
void got(const char *text);
