/**
 * A runtime that makes one pod and removes it, and ends itself by SIGKILL at one moment of one of its steps: `fault-life DATA-DIRECTORY LAYER
 * NUMBER`. With number 0 it lives, and prints its moments, a line each: `MOMENT STEP`.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { countSyncFiles, stepped, type AtStep } from '@timonel/testkit/fault-steps';
import { containerConfig, sandboxConfig } from '../../../../sdk/testkit/src/contracts/runtime/configs.ts';
import { Launcher } from '../launcher.ts';
import { layoutOf } from '../layout.ts';
import { runPathOf } from '../run-directory.ts';
import { openRuntime } from './open-runtime.ts';

const [dataDir = '', layer = '', fatal = ''] = process.argv.slice(2);
const layout = layoutOf(dataDir, runPathOf(dataDir, ''));
/** What comes again is no other step: the devices that a control group allows. */
const seen = new Set<string>();
let counts = false;

/** What lies between the end of a step and the next one is one moment, but for answers, which take their time. */
const at: AtStep = (step, moment) => {
  const isJob = step.startsWith('job');
  if (!counts || moment === (isJob ? 'before' : 'after')) return;
  const text = `${moment} ${step}`;
  if (seen.has(text)) return;
  seen.add(text);
  if (fatal === '0') console.log(text);
  else if (seen.size === Number(fatal)) process.kill(process.pid, 'SIGKILL');
};

function shown(path: string): string {
  return path
    .replace(dataDir, 'data')
    .replace(runPathOf(dataDir, ''), 'run')
    .replace(/^\/sys\/fs\/cgroup/, 'cgroup')
    .replace(/timonel-[0-9a-f]{10}/, 'RUNTIME')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'NAME');
}

function countSteps(): void {
  countSyncFiles(at, (name, args) => {
    const path = String(args[name === 'rename' ? 1 : 0]);
    return path.startsWith(dataDir) || path.includes('/timonel-') ? `${name} ${shown(path)}` : undefined;
  });
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on its own object
  const run = Launcher.prototype.run;
  Launcher.prototype.run = function counted(this: Launcher, ...args) {
    return stepped(at, `job ${args[0]} ${shown(args[1])}`, () => run.apply(this, args));
  };
}

async function live(): Promise<void> {
  const env = createRealEnv();
  const image = { imageId: 'sha256:test', reference: 'test', layers: [layer] };
  const runtime = await openRuntime(dataDir, env);
  counts = true;
  await runtime.runSandbox(sandboxConfig('pod', join(dataDir, 'logs')));
  const terminationMessagePath = '/dev/termination-log';
  await runtime.createContainer(
    containerConfig('pod', 'container', image, ['sleep', '60'], { terminationMessagePath }),
  );
  await runtime.startContainer('container');
  await runtime.stopContainer('container', 0);
  await runtime.removeContainer('container');
  await runtime.removeSandbox('pod');
  while (readdirSync(layout.trashes.disk).length > 0) await env.timers.sleep(5);
  counts = false;
  runtime.close();
}

const alive = setInterval(() => undefined, 1000); // timers of the runtime keep no process alive
countSteps();
await live();
clearInterval(alive);
