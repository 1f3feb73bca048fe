/** `linux.seccomp` of the OCI runtime specification, as it stands in a `config.json`. */
export interface SeccompRules {
  readonly defaultAction: SeccompAction;
  /** With an action ERRNO or TRACE. Absent: EPERM. */
  readonly defaultErrnoRet?: number;
  /** `SCMP_ARCH_X86_64`, … . Absent or empty: the node's own. */
  readonly architectures?: readonly string[];
  /** `SECCOMP_FILTER_FLAG_LOG`, … . */
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SyscallRule[];
}

/** All of `args` must hold. When an index stands there more than once, any of them: so OCI runtimes have it. */
export interface SyscallRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly ArgumentCondition[];
}

export interface ArgumentCondition {
  /** 0 … 5. */
  readonly index: number;
  /** Unsigned, 64 bits: a bigint where a number is not exact. */
  readonly value: number | bigint;
  /** With SCMP_CMP_MASKED_EQ, whose mask is `value`: what is left of the argument must be this. */
  readonly valueTwo?: number | bigint;
  readonly op: SeccompOperator;
}

export type SeccompAction = (typeof seccompActions)[number];
export type SeccompOperator = (typeof seccompOperators)[number];

export const seccompActions = [
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_LOG',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_NOTIFY',
] as const;

export const seccompOperators = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const;
