/**
 * The system calls that any container may make, by purpose. What is missing here either reaches beyond the container (mounts,
 * modules, clocks, reboot, key rings, io_uring) or is allowed with a capability only: see capability-calls.ts. Names of every
 * architecture stand together: each takes those it has.
 */
const byPurpose: Readonly<Record<string, string>> = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fallocate fchdir
    fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
    ftruncate ftruncate64 futimesat getcwd getdents getdents64 ioctl lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir
    mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat
    stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs truncate truncate64 umask unlink
    unlinkat utime utimensat utimensat_time64 utimes`,
  attributes: `fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lremovexattr
    lsetxattr removexattr removexattrat setxattr setxattrat file_getattr file_setattr`,
  data: `fadvise64 fadvise64_64 arm_fadvise64_64 arm_sync_file_range pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead
    readv sendfile sendfile64 splice tee vmsplice write writev pipe pipe2 io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 io_setup io_submit`,
  waiting: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
    inotify_add_watch inotify_init inotify_init1 inotify_rm_watch fanotify_mark poll ppoll ppoll_time64 pselect6 pselect6_time64
    select _newselect signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  memory: `brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
    mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages process_mrelease`,
  processes: `execve execveat exit exit_group fork vfork getpgid getpgrp getpid getppid getpriority getrlimit ugetrlimit getrusage
    getsid gettid kill pause pidfd_open pidfd_send_signal prctl prlimit64 setpgid setpriority setrlimit setsid set_tid_address tgkill
    tkill times wait4 waitid waitpid rseq uname sysinfo getcpu restart_syscall`,
  threads: `futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list set_robust_list get_thread_area
    set_thread_area arch_prctl modify_ldt breakpoint cacheflush set_tls`,
  scheduling: `ioprio_get ioprio_set sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield`,
  signals: `rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn uretprobe`,
  identity: `getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid getresuid32
    getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
    setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  // These only take rights away from who calls them, or change what the kernel checks anyway.
  restriction: `capget capset seccomp landlock_add_rule landlock_create_ruleset landlock_restrict_self`,
  // A tracer sees what it may see anyway: its own user's processes in its own pid namespace.
  tracing: `ptrace process_vm_readv process_vm_writev`,
  time: `adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64`,
  network: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg send
    sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  exchange: `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink
    msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  chance: `getrandom`,
};

export const allowedCalls: readonly string[] = Object.values(byPurpose).flatMap((text) => text.split(/\s+/));
