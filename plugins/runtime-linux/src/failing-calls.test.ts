/**
 * System calls of the native side fail once each, at each place: whatever then happens, nothing is left behind. Every fifth place, for the
 * sake of time; all of them with TIMONEL_EVERY_CALL=1.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { errorMessage } from '@timonel/sdk';
import type { SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { until } from '@timonel/testkit';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { Bed } from './testing/bed.ts';
import { leftovers } from './testing/leftovers.ts';
import { makeNative } from './testing/native-build.ts';
import { removeDirectory, temporaryDirectory } from './testing/open-runtime.ts';

const built = temporaryDirectory();
const fault = join(built, 'fault');
const bed = new Bed(createRealEnv(), {}, join(built, 'timonel-monitor-faults'));
const stride = process.env['TIMONEL_EVERY_CALL'] === '1' ? 1 : 5;
beforeAll(async () => {
  makeNative(['faults'], { OUT: built, FAULT: fault });
  await bed.open();
}, 60_000);
afterAll(async () => {
  await bed.close();
  removeDirectory(built);
});

interface Outcome {
  /** Undefined: there are fewer calls. */
  readonly call: string | undefined;
  /** Undefined: the work went well. */
  readonly message: string | undefined;
}

/** Does the work with the call `number` of the processes at this depth failing. */
async function withFault(depth: number, number: number, work: () => Promise<unknown>): Promise<Outcome> {
  rmSync(`${fault}.hit`, { force: true });
  writeFileSync(fault, `${depth} ${number}`);
  const message = await work().then(() => undefined, errorMessage);
  rmSync(fault, { force: true });
  return { call: readHit(), message };
}

function readHit(): string | undefined {
  try {
    return readFileSync(`${fault}.hit`, 'utf8') || undefined;
  } catch {
    return undefined;
  }
}

async function nothingLeft(what: string): Promise<void> {
  await bed.removeAll();
  await until(() => leftovers(bed.dataDir).length === 0, { what: 'the end of all', timeoutMs: 8000 }).catch(() => {
    throw new Error(`left after ${what}: ${leftovers(bed.dataDir).join('; ')}`);
  });
}

/** Fails call after call. @returns each failure that did not name what failed, and each call that may fail without harm */
async function failEach(
  depths: readonly number[],
  prepare: () => Promise<string>,
  work: (sandbox: string) => Promise<unknown>,
): Promise<string[]> {
  const odd = new Set<string>();
  for (const depth of depths) {
    for (let number = depth; ; number += stride) {
      const sandbox = await prepare();
      const { call, message } = await withFault(depth, number, () => work(sandbox));
      await nothingLeft(`${call} at ${depth} ${number}: ${message}`);
      if (call === undefined) break;
      if (message === undefined) odd.add(`${call} may fail`);
      else if (!/Input\/output error|outside of the container/.test(message)) odd.add(`${call}: ${message}`);
    }
  }
  return [...odd];
}

/** Names of processes and sessions; what a monitor does after the start, when its end only takes the container with it. */
const harmless = ['prctl', 'setsid', 'open', 'openat', 'renameat'].map((call) => `${call} may fail`);
const unexpected = (odd: readonly string[]): string[] => odd.filter((each) => !harmless.includes(each));

const userNamespace = { firstUid: 200_000, firstGid: 200_000, length: 65_536 };
const shapes: [string, Partial<SandboxConfig>][] = [
  ['plain', {}],
  ['with a user namespace and shared processes', { userNamespace, shareProcessNamespace: true }],
];

describe.each(shapes)('a pod of which a system call fails: %s', (_shape, changes) => {
  it('leaves nothing of a sandbox that could not be made', async () => {
    const make = (id: string): Promise<unknown> => bed.runtime.runSandbox(sandboxConfig(id, bed.logs, changes));
    expect(unexpected(await failEach([1, 2], () => Promise.resolve(bed.newId()), make))).toEqual([]);
  }, 120_000);

  it('leaves nothing of a container that could not be made or started', async () => {
    const volume = { hostPath: bed.logs, containerPath: '/vol', readOnly: true, propagation: 'private' as const };
    const make = async (sandbox: string): Promise<unknown> =>
      await bed.result(await bed.started(sandbox, ['true'], { mounts: [volume] }));
    expect(unexpected(await failEach([1, 2], () => bed.sandbox(changes), make))).toEqual([]);
  }, 240_000);
});
