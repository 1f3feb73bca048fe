import { judge, type Attack } from '../attack.ts';

const area = 'System calls';
const seccomp = 'seccomp';

const call = (name: string, words: readonly string[], protection = seccomp): Attack => ({
  name,
  area,
  what: `\`${words[0]}\` with arguments that would work and do nothing`,
  protection,
  run: async (bed) => judge(await bed.attempt([words])),
});

export const callAttacks: readonly Attack[] = [
  call('unshare: a user namespace', ['user-namespace']),
  call('unshare: a mount namespace', ['mount-namespace'], 'seccomp, no CAP_SYS_ADMIN'),
  call('clone3: a user namespace, out of the sight of a filter', ['clone3']),
  call('unshare by its number of x32', ['x32']),
  call('unshare by its number of 32 bits', ['i386']),
  call('keyctl', ['keyctl']),
  call('add_key', ['add-key']),
  call('bpf', ['bpf'], 'seccomp, no CAP_BPF'),
  call('userfaultfd', ['userfaultfd']),
  call('io_uring_setup', ['io-uring']),
  call('perf_event_open', ['perf'], 'seccomp, no CAP_PERFMON'),
  call('kexec_load', ['kexec'], 'seccomp, no CAP_SYS_BOOT'),
  call('init_module', ['module'], 'seccomp, no CAP_SYS_MODULE'),
  call('personality without address randomisation', ['personality']),
  call('AF_VSOCK sockets', ['vsock']),
  call('clock_settime', ['clock'], 'seccomp, no CAP_SYS_TIME'),
  call('sethostname', ['host-name', 'attacker'], 'seccomp, no CAP_SYS_ADMIN'),
  call('acct', ['acct'], 'seccomp, no CAP_SYS_PACCT'),
  call('swapon', ['swapon', '/etc/passwd'], 'seccomp, no CAP_SYS_ADMIN'),
  call('iopl', ['iopl'], 'seccomp, no CAP_SYS_RAWIO'),
  call('reboot', ['reboot'], 'seccomp, no CAP_SYS_BOOT'),
];
