/**
 * Tests of the container runtime in a guest with a kernel of its own, where cgroup v2 is alone: this machine may have v1; and of what this
 * machine's kernel may lack.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { boot, hasKvm } from './support/boot.ts';
import { makeDisk } from './support/disk.ts';
import { firstRoot } from './support/init.ts';
import { guestKernel } from './support/kernel.ts';
import { root } from './support/paths.ts';

const tests = [
  'cli/src/rootless/delegated-group.test.ts',
  'plugins/routes-auto/src/wireguard-kernel.test.ts',
  'plugins/runtime-linux/src/contract.test.ts',
  'plugins/runtime-linux/src/limits.test.ts',
  'plugins/runtime-oci/src/limits.test.ts',
  'sdk/src/linux/cgroup/kernel.test.ts',
];
/** Run by tests. */
const programs = ['cli/src/rootless/testing/delegated-node.ts'];
/** Without /dev/kvm every instruction is translated: some 40 s on two free cores. */
const timeoutMs = hasKvm() ? 60_000 : 300_000;

interface Suite {
  readonly name: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly ancestorTitles: readonly string[];
    readonly title: string;
    readonly status: string;
    readonly failureMessages: readonly string[];
  }[];
}

async function runInGuest(): Promise<readonly Suite[]> {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'guest-'));
  try {
    const kernel = guestKernel();
    const disk = await makeDisk(directory, [...tests, ...programs]);
    const text = await boot({ kernel, firstRoot: firstRoot(kernel), disk, directory, timeoutMs });
    return (JSON.parse(text) as { testResults?: readonly Suite[] }).testResults ?? [];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

// The names of the tests are known only once they ran: jest wants them before the first of its own.
const ran = await runInGuest().catch((error: unknown) => error);
const suites = Array.isArray(ran) ? (ran as readonly Suite[]) : [];

describe('in a guest with cgroup v2 alone', () => {
  it('runs', () => {
    if (!Array.isArray(ran)) throw ran;
    const empty = suites.filter(({ assertionResults }) => assertionResults.length === 0);
    expect(empty.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
    expect(suites).not.toEqual([]);
  });
  it('has WireGuard in its kernel, which is tested', () => {
    const results = suites.flatMap(({ assertionResults }) => assertionResults);
    const ofKernel = results.filter(({ ancestorTitles }) => ancestorTitles[0] === 'nodes with WireGuard of the kernel');
    expect(ofKernel.length).toBeGreaterThan(0);
  });
  for (const { assertionResults } of suites) {
    for (const { ancestorTitles, title, status, failureMessages } of assertionResults) {
      const name = [...ancestorTitles, title].join(' › ');
      (status === 'pending' ? it.skip : it)(name, () => {
        expect({ status, failures: failureMessages.join('\n') }).toEqual({ status: 'passed', failures: '' });
      });
    }
  }
});
