import { expect } from '@jest/globals';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import type { ProxyBed } from './bed.ts';
import type { Dialled } from './resident.ts';
import type { Resident } from './residents.ts';

/** What the cases share: one bed, and the data plane `main` in it. */
export interface ProxySuite {
  bed: ProxyBed;
  apply(rules: readonly ServicePortRule[], plane?: string): Promise<number>;
  open(plane: string): Promise<void>;
}

export const clusterIp = (rule: ServicePortRule): string => rule.clusterIPs[0] ?? '';
const serverOf = ({ line }: Dialled): string => line.split(' ')[0] ?? '';

/** Connects `count` times, each of which must work; answers how many connections each server got. `from` may have several addresses. */
export async function spread(
  from: Resident,
  host: string,
  port: number,
  count: number,
  localAddress?: string,
): Promise<Readonly<Record<string, number>>> {
  const results = await from.call('connectMany', host, port, count, 2000, localAddress);
  expect(results.filter(({ code }) => code !== 'CONNECTED')).toEqual([]);
  const counts: Record<string, number> = {};
  for (const result of results) counts[serverOf(result)] = (counts[serverOf(result)] ?? 0) + 1;
  return counts;
}

/** Refused, and not timed out. */
export async function expectRefused(from: Resident, host: string, port: number): Promise<void> {
  const result = await from.call('connect', host, port, 3000);
  expect(result).toMatchObject({ code: 'ECONNREFUSED' });
  expect(result.tookMs).toBeLessThan(500);
}
