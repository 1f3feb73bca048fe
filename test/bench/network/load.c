/*
 * Load of the network benchmark, with as little work of its own as there can be:
 *   load serve PORT                       answers each request of 64 bytes with 256 bytes
 *   load keep ADDRESS PORT CLIENTS COUNT  so many requests over connections that stay
 *   load new ADDRESS PORT CLIENTS COUNT   the same, each over a connection of its own
 *   load dns ADDRESS PORT CLIENTS COUNT   so many questions, of names that are read from stdin, one a line
 * Clients print JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { request_size = 64, answer_size = 256, most_clients = 1024, most_names = 8192, slowest_us = 2000000, silence_ms = 1000 };

struct client {
	int fd, got;
	double began;
};

static uint32_t histogram[slowest_us + 1];
static struct client clients[most_clients];
static unsigned char names[most_names][280];
static int name_lengths[most_names], name_count;
static char zeros[request_size + answer_size];
static struct sockaddr_in target;
static long wanted, begun, done, failed;

static double clock_us(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void fatal(const char *what) {
	perror(what);
	exit(1);
}

static void watch(int poll, int operation, int fd, uint32_t events, int index) {
	struct epoll_event event = {.events = events, .data = {.u32 = (uint32_t)index}};
	if (epoll_ctl(poll, operation, fd, &event) != 0)
		fatal("epoll_ctl");
}

static void serve(int port) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
	static char buffer[65536];
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0)
		fatal("listen");
	watch(poll, EPOLL_CTL_ADD, listener, EPOLLIN, listener);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(poll, events, 64, -1);
		for (int i = 0; i < count; i++) {
			int fd = (int)events[i].data.u32;
			if (fd == listener) {
				for (int peer; (peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
					watch(poll, EPOLL_CTL_ADD, peer, EPOLLIN, peer);
			} else if (read(fd, buffer, sizeof buffer) <= 0 || write(fd, zeros, answer_size) < 0) {
				close(fd);
			}
		}
	}
}

static void finish(struct client *one) {
	double us = clock_us(CLOCK_MONOTONIC) - one->began;
	histogram[us < slowest_us ? (int)us : slowest_us]++;
	done++;
}

static void open_connection(int poll, int index) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		fatal("socket");
	clients[index] = (struct client){.fd = fd, .began = clock_us(CLOCK_MONOTONIC)};
	if (connect(fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS)
		fatal("connect");
	watch(poll, EPOLL_CTL_ADD, fd, EPOLLOUT, index);
	begun++;
}

static void ask(struct client *one) {
	one->got = 0;
	if (write(one->fd, zeros, request_size) != request_size)
		failed++;
}

static void drop(int poll, int index, int is_failure) {
	close(clients[index].fd);
	if (is_failure) {
		failed++;
		done++;
	}
	if (begun < wanted)
		open_connection(poll, index);
}

static void tcp_step(int poll, int index, uint32_t events, int is_new) {
	static char buffer[65536];
	struct client *one = &clients[index];
	if (events & EPOLLOUT) {
		int error = 0;
		socklen_t size = sizeof error;
		getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error != 0) {
			drop(poll, index, 1);
			return;
		}
		watch(poll, EPOLL_CTL_MOD, one->fd, EPOLLIN, index);
		ask(one);
		return;
	}
	ssize_t length = read(one->fd, buffer, sizeof buffer);
	if (length <= 0) {
		drop(poll, index, 1);
		return;
	}
	one->got += (int)length;
	if (one->got < answer_size)
		return;
	finish(one);
	if (is_new) {
		drop(poll, index, 0);
	} else if (begun < wanted) {
		begun++;
		one->began = clock_us(CLOCK_MONOTONIC);
		ask(one);
	}
}

static void read_names(void) {
	char line[256];
	while (name_count < most_names && fgets(line, sizeof line, stdin) != NULL) {
		unsigned char *at = names[name_count];
		static const unsigned char head[12] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
		memcpy(at, head, sizeof head);
		at += sizeof head;
		for (char *label = strtok(line, ".\n"); label != NULL; label = strtok(NULL, ".\n")) {
			size_t length = strlen(label);
			*at++ = (unsigned char)length;
			memcpy(at, label, length);
			at += length;
		}
		static const unsigned char tail[5] = {0, 0, 1, 0, 1};
		memcpy(at, tail, sizeof tail);
		name_lengths[name_count] = (int)(at + sizeof tail - names[name_count]);
		name_count++;
	}
	if (name_count == 0)
		fatal("names");
}

static void ask_name(int index) {
	int name = (int)((unsigned long)begun * 2654435761u % (unsigned long)name_count);
	begun++;
	clients[index].began = clock_us(CLOCK_MONOTONIC);
	names[name][0] = (unsigned char)(begun >> 8);
	names[name][1] = (unsigned char)begun;
	if (send(clients[index].fd, names[name], (size_t)name_lengths[name], 0) < 0)
		failed++;
}

/* An answer without an address counts as failed. */
static void dns_step(int index) {
	unsigned char buffer[1500];
	ssize_t length = recv(clients[index].fd, buffer, sizeof buffer, 0);
	if (length < 12 || (buffer[3] & 15) != 0 || buffer[7] == 0)
		failed++;
	finish(&clients[index]);
	if (begun < wanted)
		ask_name(index);
}

static long percentile(double share) {
	long rank = (long)(share * (double)done), seen = 0;
	for (int us = 0; us <= slowest_us; us++) {
		seen += histogram[us];
		if (seen > rank)
			return us;
	}
	return slowest_us;
}

static int run(const char *mode, int count) {
	int poll = epoll_create1(0), is_dns = strcmp(mode, "dns") == 0, is_new = strcmp(mode, "new") == 0;
	if (is_dns)
		read_names();
	double began = clock_us(CLOCK_MONOTONIC), cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < count && begun < wanted; i++) {
		if (!is_dns) {
			open_connection(poll, i);
			continue;
		}
		clients[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (connect(clients[i].fd, (struct sockaddr *)&target, sizeof target) != 0)
			fatal("connect");
		watch(poll, EPOLL_CTL_ADD, clients[i].fd, EPOLLIN, i);
		ask_name(i);
	}
	while (done < wanted) {
		struct epoll_event events[64];
		int ready = epoll_wait(poll, events, 64, silence_ms);
		if (ready == 0 && !is_dns) {
			fprintf(stderr, "Error: no answer for a second\n");
			return 1;
		}
		/* Datagrams get lost: all that wait ask anew. */
		for (int i = 0; ready == 0 && i < count; i++) {
			failed++;
			done++;
			if (begun < wanted)
				ask_name(i);
		}
		for (int i = 0; i < ready; i++) {
			int index = (int)events[i].data.u32;
			if (is_dns)
				dns_step(index);
			else
				tcp_step(poll, index, events[i].events, is_new);
		}
	}
	double seconds = (clock_us(CLOCK_MONOTONIC) - began) / 1e6;
	printf("{\"perSecond\":%.1f,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"clientMicros\":%.3f,\"failed\":%ld}\n", (double)done / seconds,
	       (double)percentile(0.5) / 1e3, (double)percentile(0.99) / 1e3,
	       (clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)done, failed);
	return 0;
}

int main(int count, char **words) {
	if (count == 3 && strcmp(words[1], "serve") == 0)
		serve(atoi(words[2]));
	if (count != 6 || atoi(words[4]) < 1 || atoi(words[4]) > most_clients) {
		fprintf(stderr, "usage: load serve PORT | load keep|new|dns ADDRESS PORT CLIENTS COUNT\n");
		return 2;
	}
	target.sin_family = AF_INET;
	target.sin_port = htons((uint16_t)atoi(words[3]));
	if (inet_pton(AF_INET, words[2], &target.sin_addr) != 1)
		fatal("address");
	wanted = atol(words[5]);
	return run(words[1], atoi(words[4]));
}
