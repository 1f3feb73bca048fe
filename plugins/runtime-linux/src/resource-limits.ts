import { RuntimeError, type ResourceLimit } from '@timonel/sdk/contracts/runtime';
import type { SpecEntry } from './spec-file.ts';

/** In the order of the kernel's numbers, setrlimit(2). */
const types =
  'cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime'.split(' ');

const unlimited = '18446744073709551615';

/** Limits of the processes of a container; of one that is named twice the last counts. */
export function limitEntries(limits: readonly ResourceLimit[]): SpecEntry[] {
  return [...new Map(limits.map((limit) => [nameOf(limit), limit]))].map(([name, { soft, hard }]) => {
    const fault = !types.includes(name)
      ? `is none of ${types.join(', ')}`
      : !isValue(soft) || !isValue(hard)
        ? 'takes whole numbers, and -1 for no limit'
        : hard !== -1 && (soft === -1 || soft > hard)
          ? `has a soft limit of ${soft} above the hard one of ${hard}`
          : undefined;
    if (fault !== undefined) throw new RuntimeError('CreateContainerConfigError', `resource limit "${name}" ${fault}`);
    const [first, second] = [soft, hard].map((value) => (value === -1 ? unlimited : String(value)));
    return ['limit', `${types.indexOf(name)} ${first} ${second} ${name}`];
  });
}

function nameOf({ type }: ResourceLimit): string {
  return type.toLowerCase().replace(/^rlimit_/, '');
}

function isValue(value: number): boolean {
  return value === -1 || (Number.isSafeInteger(value) && value >= 0);
}
