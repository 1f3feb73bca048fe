/*
 * A slow wire for the bed of e2e tests: two tap links, each frame that comes into one goes out of the other after a delay. For
 * kernels without the queueing discipline netem. A frame never overtakes another. At most QUEUE frames wait in each direction;
 * more are dropped, as a real queue does.
 *
 * slow-wire LINK LINK DELAY_MICROSECONDS JITTER_MICROSECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 8192, FRAME = 2048 };

struct frame {
  int64_t due;
  ssize_t length;
  char data[FRAME];
};

struct queue {
  struct frame *frames;
  unsigned head, count;
  int64_t last_due;
};

static int open_tap(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
    fprintf(stderr, "slow-wire: tap link %s: %s\n", name, strerror(errno));
    exit(1);
  }
  return fd;
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void take_in(int from, struct queue *queue, int64_t delay, int64_t jitter) {
  char surplus[FRAME];
  for (;;) {
    int full = queue->count == QUEUE;
    struct frame *frame = &queue->frames[(queue->head + queue->count) % QUEUE];
    ssize_t length = read(from, full ? surplus : frame->data, FRAME);
    if (length < 0) return;
    if (full) continue;
    int64_t due = now() + delay + (jitter > 0 ? (int64_t)(drand48() * (double)jitter) : 0);
    if (due < queue->last_due) due = queue->last_due;
    frame->due = queue->last_due = due;
    frame->length = length;
    queue->count++;
  }
}

static void send_out(int to, struct queue *queue, int64_t time) {
  while (queue->count > 0 && queue->frames[queue->head].due <= time) {
    struct frame *frame = &queue->frames[queue->head];
    /* A link that is down or full loses the frame. */
    if (write(to, frame->data, (size_t)frame->length) < 0 && errno == EINTR) continue;
    queue->head = (queue->head + 1) % QUEUE;
    queue->count--;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: slow-wire LINK LINK DELAY_MICROSECONDS JITTER_MICROSECONDS\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int64_t delay = atoll(argv[3]) * 1000, jitter = atoll(argv[4]) * 1000;
  struct pollfd ends[2] = {{.fd = open_tap(argv[1]), .events = POLLIN}, {.fd = open_tap(argv[2]), .events = POLLIN}};
  struct queue queues[2] = {0};
  for (int i = 0; i < 2; i++) {
    queues[i].frames = calloc(QUEUE, sizeof *queues[i].frames);
    if (queues[i].frames == NULL) return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int64_t time = now(), next = -1;
    for (int i = 0; i < 2; i++) {
      send_out(ends[1 - i].fd, &queues[i], time);
      if (queues[i].count == 0) continue;
      int64_t due = queues[i].frames[queues[i].head].due;
      if (next < 0 || due < next) next = due;
    }
    int64_t wait = next < 0 ? 0 : next > time ? next - time : 1;
    struct timespec timeout = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
    if (ppoll(ends, 2, next < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR) return 1;
    for (int i = 0; i < 2; i++)
      if (ends[i].revents & (POLLIN | POLLERR)) take_in(ends[i].fd, &queues[i], delay, jitter);
  }
}
