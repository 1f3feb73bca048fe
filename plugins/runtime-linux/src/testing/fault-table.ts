import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { createRealEnv } from '@timonel/core/env';
import { errorMessage } from '@timonel/sdk';
import { until } from '../../../../sdk/testkit/src/until.ts';
import { repaired, type FaultStep } from '@timonel/testkit/fault-steps';
import { Bed } from './bed.ts';
import { leftovers } from './leftovers.ts';

const lanes = 4;
const endingMs = 8000;

interface Life {
  readonly killed: boolean;
  readonly output: string;
}

/** The program in one file, as it is started for each moment. */
async function bundleLife(directory: string): Promise<string> {
  const outfile = join(directory, 'life.mjs');
  const here = dirname(import.meta.dirname);
  await build({
    entryPoints: [join(import.meta.dirname, 'fault-life.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['timonel-source'],
    // `monitor-binary.ts` looks for the native side beside itself
    define: { 'import.meta.dirname': JSON.stringify(here) },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}

/** Until its end, however it comes. @throws Error when the program itself is wrong */
function live(program: string, bed: Bed, fatal: number): Promise<Life> {
  return new Promise((resolve, reject) => {
    const args = [program, bed.dataDir, bed.image.layer, String(fatal)];
    execFile(process.execPath, args, (error, output, errors) => {
      if (error === null) resolve({ killed: false, output });
      else if (error.signal === 'SIGKILL') resolve({ killed: true, output });
      else reject(new Error(errors));
    });
  });
}

/** A container is what its state says, and the pod goes as it would have: the next life, which begins on what is left, needs all of it. @throws Error saying what is wrong */
async function look(bed: Bed): Promise<void> {
  const { runtime } = bed;
  const [sandbox] = await runtime.listSandboxes();
  const [container] = await runtime.listContainers();
  if (container?.state === 'created' && sandbox?.state === 'ready') await runtime.startContainer(container.id);
  const now = container === undefined ? undefined : await runtime.containerStatus(container.id);
  if (now?.state === 'running') process.kill(now.pid ?? Number.NaN, 0);
  if (now?.state === 'exited' && now.exitCode === undefined) throw new Error('an end without an exit code');
  await bed.removeAll();
  await until(() => leftovers(bed.dataDir).length === 0, { what: 'the end of all', timeoutMs: endingMs }).catch(() => {
    throw new Error(`left: ${leftovers(bed.dataDir).join('; ')}`);
  });
}

/** Undefined: all is as it should be. */
async function failureAt(program: string, bed: Bed, number: number): Promise<string | undefined> {
  bed.runtime.close();
  const { killed } = await live(program, bed, number);
  await bed.open();
  if (!killed) return 'the step did not come again';
  return await look(bed).then(() => undefined, errorMessage);
}

async function momentsOf(program: string, bed: Bed): Promise<string[]> {
  bed.runtime.close();
  const { output } = await live(program, bed, 0);
  await bed.open();
  return output.trim().split('\n');
}

/** Ends the runtime's own process at each of its steps of a pod's and a container's start and stop, and says what came of it. */
export async function faultTable(): Promise<readonly FaultStep[]> {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-fault-life-'));
  const beds = Array.from({ length: lanes }, () => new Bed(createRealEnv()));
  try {
    const program = await bundleLife(directory);
    for (const bed of beds) await bed.open();
    const moments = beds[0] === undefined ? [] : await momentsOf(program, beds[0]);
    const failures = new Map<number, string | undefined>();
    let next = 0;
    const work = async (bed: Bed): Promise<void> => {
      while (next < moments.length) {
        const number = ++next;
        failures.set(number, await failureAt(program, bed, number));
      }
    };
    await Promise.all(beds.map(work));
    return rowsOf(moments, failures);
  } finally {
    for (const bed of beds) await bed.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The moment is part of the step: most have one, the end of one being the beginning of the next. */
function rowsOf(moments: readonly string[], failures: ReadonlyMap<number, string | undefined>): FaultStep[] {
  return moments.map((step, index) => ({
    step,
    killed: "the runtime's process",
    outcome: failures.get(index + 1) ?? repaired,
  }));
}
