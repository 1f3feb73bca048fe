/* What the files of timonel-monitor share. One concern a file; the names below are grouped by file. */
#ifndef TIMONEL_MONITOR_H
#define TIMONEL_MONITOR_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Exit codes of a command that could not be executed, as shells use them. */
enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_CANNOT_START = 128 };

/* report.c: how a failure reaches the caller. Each process has one descriptor it reports to. */
void report_to(int fd);
void report_plainly(void);
_Noreturn void fail(const char *call, const char *subject);           /* adds strerror(errno) */
_Noreturn void fail_text(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* spec.c: the file `spec` of a container or sandbox: records `key=value`, each ended by a NUL byte. */
struct list { char **items; size_t length; };                         /* items[length] is NULL */
struct mount { const char *source, *target, *options; int tree; };
struct limit { int resource; uint64_t soft, hard; const char *name; };
struct spec {
    struct list layers, args, env, groups, cgroups, cgroup_mounts, masked, readonly_paths, sysctls, nodes;
    struct mount *mounts;
    size_t mount_count;
    struct limit *limits;
    size_t limit_count;
    const char *hostname, *ns_user, *ns_net, *ns_ipc, *ns_uts, *ns_pid, *oom_file, *cwd, *user, *log, *event, *oom_score_adj, *seccomp, *apparmor, *device_group, *device_program, *state;
    uint64_t capabilities, log_limit;
    unsigned log_files;
    bool readonly_root, no_new_privileges, privileged, tty, input, input_once, strict_groups, pid_namespace, net_namespace, ipc_namespace, host_pid, root_by_chroot, rootless;
    unsigned long seccomp_flags;
    unsigned first_uid, first_gid, id_count;                          /* of the node, for the pod's 0 and what follows */
    int pid;                                                          /* exec: the container's init */
    int state_fd;                                                     /* the directory `state`, on disk */
};
void spec_read(struct spec *spec, const char *path);

/* files.c */
void write_text(const char *path, const char *text);
bool make_directories(const char *path, mode_t mode);
bool parents_make(const char *path);
void make_mount_point(const char *path, bool directory);
unsigned long long process_start_time(pid_t pid);
void record_write(int directory, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void record_sync(int directory, const char *name);
int64_t now_ms(void);
bool wait_byte(int fd);
void descriptors_close(unsigned first, bool at_execution);

/* sandbox.c */
_Noreturn void sandbox_run(const char *directory);
_Noreturn void directory_release(const char *directory, bool with_files);
_Noreturn void memory_mount(const char *directory);
_Noreturn void memory_unmount(const char *directory);
void namespace_join(const char *path, int kind);

/* trash.c */
bool tree_remove(int parent, const char *name);                         /* false: errno says why something is left */
_Noreturn void directory_recycle(const char *directory);

/* container.c: the monitor. init.c: what becomes the container's pid 1. */
_Noreturn void container_run(const char *directory);
struct handshake { int report, go, input, output, error, console; };
void keyring_make(void);
void working_directory_enter(const struct spec *spec);
_Noreturn void init_run(struct spec *spec, const struct handshake *handshake);

/* userns.c */
void user_namespace_map(const struct spec *spec, pid_t pid);
void user_namespace_root(void);
void user_namespace_enter(const struct spec *spec, const struct handshake *handshake);
void mount_map(const struct spec *spec, int tree, const char *name);

/* rootfs.c, devices.c */
void rootfs_prepare(struct spec *spec);
void rootfs_enter(const struct spec *spec);
void root_switch(bool by_chroot);
void root_directory_make(const char *name);
void devices_mount(const struct spec *spec);
void mount_or_fail(const char *source, const char *target, const char *type, unsigned long flags, const char *data);

/* cgroup.c */
void cgroup_join(const struct list *files);
bool cgroup_oom_killed(const char *file);
void cgroup_kill_all(const struct list *files);

/* identity.c, capabilities.c, command.c */
struct identity { uid_t uid; gid_t gid; gid_t groups[256]; int group_count; char home[256]; };
void identity_resolve(const struct spec *spec, struct identity *identity);
void privileges_apply(const struct spec *spec, const struct identity *identity);
void privileges_finish(const struct spec *spec, const struct identity *identity);
void capabilities_drop(void);
void undumpable_become(void);
void limits_apply(const struct spec *spec);
_Noreturn void command_execute(const struct spec *spec, const struct identity *identity);

/* programs.c */
void seccomp_apply(const struct spec *spec);
void device_program_attach(const struct spec *spec);

/* log.c: the CRI log format. */
struct stream { const char *name; int kind, fd; size_t length; char *buffer; };
void log_open(const char *path, uint64_t limit, unsigned files);
void stream_open(struct stream *stream, int kind, int fd);
bool stream_read(struct stream *stream);                               /* false: at its end */
void stream_close(struct stream *stream);                              /* what is left of a line is written */

/* attach.c: others at the streams of the container. `input`: its stdin, or -1. */
enum { ATTACH_OUT, ATTACH_ERR, ATTACH_IN, ATTACH_KINDS };
enum { ATTACH_CLIENTS = 16, ATTACH_POLLS = ATTACH_KINDS * (1 + ATTACH_CLIENTS) + 1 };
struct pollfd;                                                        /* of these, ATTACH_POLLS */
void attach_open(int input, bool once, bool has_error);
void attach_poll(struct pollfd *polled);
void attach_handle(const struct pollfd *polled);
bool attach_waits(int kind);                                           /* for a reader: nothing is to be read meanwhile */
int attach_timeout(void);
void attach_hurry(void);                                               /* who is behind is left behind, from now on at once */
void attach_send(int kind, const char *bytes, size_t length);

/* serve.c: the launcher. main.c: what one of its children does. */
_Noreturn void serve_run(char **arguments);
_Noreturn void job_end(void);                                          /* that, and nothing more is to be done */
void job_done(void);                                                   /* the answer to the agent; the job closes its stderr or ends */
_Noreturn void role_run(const char *role, const char *directory);

/* dial.c: a connection into a network namespace. */
_Noreturn void dial_run(const char *network_namespace, const char *port);

/* session.c: a further process in a running container. terminal.c */
_Noreturn void session_run(const char *spec_path);
int terminal_open(void);
void terminal_attach(int console);
void terminal_resize(int console, unsigned columns, unsigned rows);
void fd_pass(int socket, int fd, const char *bytes, size_t length);
void fd_send(int socket, int fd);
int fd_receive(int socket);

#endif
