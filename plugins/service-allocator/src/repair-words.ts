/** What the repair says of the values of services, in the words of Kubernetes' repair of its allocations. */
import type { ValueName } from './held-values.ts';

/** Nobody had claimed it; two services have it; it is of no range. */
export type Finding = 'not-claimed' | 'duplicate' | 'out-of-range';

export interface RepairEvent {
  readonly about: 'address' | 'port';
  readonly reason: string;
  readonly message: string;
}

const reasons: Readonly<Record<Finding, string>> = {
  'not-claimed': 'NotAllocated',
  duplicate: 'AlreadyAllocated',
  'out-of-range': 'OutOfRange',
};

export function repairWords(found: Finding, name: ValueName): RepairEvent {
  const value = name.slice(name.indexOf('/') + 1);
  const isAddress = name.startsWith('addresses/');
  const family = value.includes(':') ? 'IPv6' : 'IPv4';
  const subject = isAddress ? `Cluster IP [${family}]: ${value}` : `Port ${value.split('-')[0] ?? ''}`;
  const range = isAddress ? 'any service CIDR' : 'the port range';
  const words: Readonly<Record<Finding, string>> = {
    'not-claimed': 'is not allocated; repairing',
    duplicate: 'was assigned to multiple services; please recreate service',
    'out-of-range': `is not within ${range}; please recreate service`,
  };
  return {
    about: isAddress ? 'address' : 'port',
    reason: `${isAddress ? 'ClusterIP' : 'Port'}${reasons[found]}`,
    message: `${subject} ${words[found]}`,
  };
}
