/** What each capability allows beyond the calls of every container. Without it the kernel would refuse most of them anyway. */
export const capabilityCalls: Readonly<Record<string, readonly string[]>> = {
  BPF: ['bpf'],
  DAC_READ_SEARCH: ['open_by_handle_at'],
  PERFMON: ['perf_event_open'],
  SYS_ADMIN:
    words(`mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsconfig fsmount fsopen fspick listmount
    statmount quotactl quotactl_fd fanotify_init clone clone3 setns unshare sethostname setdomainname bpf perf_event_open
    lookup_dcookie syslog`),
  SYS_BOOT: ['reboot'],
  SYS_CHROOT: ['chroot'],
  SYS_MODULE: ['delete_module', 'init_module', 'finit_module'],
  SYS_NICE: ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'],
  SYS_PACCT: ['acct'],
  SYS_PTRACE: ['kcmp', 'pidfd_getfd', 'process_madvise'],
  SYS_RAWIO: ['ioperm', 'iopl'],
  SYS_TIME: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64'],
  SYS_TTY_CONFIG: ['vhangup'],
  SYSLOG: ['syslog'],
};

function words(text: string): readonly string[] {
  return text.split(/\s+/);
}
