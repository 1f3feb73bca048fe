/*
 * What the containers of tests run beside busybox:
 *   probe-server args [WORD...]          prints its arguments, one a line in brackets
 *   probe-server euid                    prints its real and effective user; as /bin/as-root it is set-user-ID root
 *   probe-server http PORT [SECONDS]     serves /healthz (after SECONDS it answers 500), /hostname, /redirect?TARGET;
 *                                        prints every request
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int print_arguments(int count, char **words) {
	for (int i = 0; i < count; i++)
		printf("[%s]\n", words[i]);
	return 0;
}

static int print_users(void) {
	printf("%u %u\n", (unsigned)getuid(), (unsigned)geteuid());
	return 0;
}

static void answer(int peer, const char *status, const char *header, const char *body) {
	char text[2048];
	int length = snprintf(text, sizeof text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, header,
			      strlen(body), body);
	if (length > 0 && (size_t)length < sizeof text && write(peer, text, (size_t)length) < 0)
		perror("write");
}

static void serve(int peer, time_t fails_at) {
	char request[1024];
	char method[16], path[512], header[600] = "", host[256] = "";
	ssize_t length = read(peer, request, sizeof request - 1);
	if (length <= 0)
		return;
	request[length] = '\0';
	if (sscanf(request, "%15s %511s", method, path) != 2)
		return;
	printf("%s %s\n", method, path);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (strncmp(path, "/redirect?", 10) == 0) {
		snprintf(header, sizeof header, "Location: %s\r\n", path + 10);
		answer(peer, "302 Found", header, "");
	} else if (strcmp(path, "/healthz") == 0 && fails_at != 0 && now.tv_sec >= fails_at) {
		answer(peer, "500 Internal Server Error", "", "no longer well");
	} else if (strcmp(path, "/hostname") == 0) {
		gethostname(host, sizeof host - 1);
		answer(peer, "200 OK", "", host);
	} else if (strcmp(path, "/missing") == 0) {
		answer(peer, "404 Not Found", "", "not here");
	} else {
		answer(peer, "200 OK", "", "ok");
	}
}

static void end(int signal) {
	_exit(signal == SIGTERM ? 0 : 1);
}

static int serve_http(int port, int seconds) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_ANY)}};
	struct timeval patience = {.tv_sec = 2, .tv_usec = 0};
	struct timespec now;
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) {
		perror("listen");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	time_t fails_at = seconds > 0 ? now.tv_sec + seconds : 0;
	printf("listening on %d\n", port);
	for (;;) {
		int peer = accept(listener, NULL, NULL);
		if (peer < 0)
			continue;
		setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		serve(peer, fails_at);
		close(peer);
	}
}

int main(int count, char **words) {
	const char *name = strrchr(words[0], '/');
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, end);
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(name == NULL ? words[0] : name + 1, "as-root") == 0)
		return print_users();
	if (count >= 2 && strcmp(words[1], "args") == 0)
		return print_arguments(count - 2, words + 2);
	if (count >= 2 && strcmp(words[1], "euid") == 0)
		return print_users();
	if (count >= 3 && strcmp(words[1], "http") == 0)
		return serve_http(atoi(words[2]), count > 3 ? atoi(words[3]) : 0);
	fprintf(stderr, "usage: probe-server args [WORD...] | euid | http PORT [SECONDS]\n");
	return 2;
}
