import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { SwapReport } from '@timonel/sdk';
import { looksLikeFile } from '../cluster/plugin-loader.ts';
import { callCluster } from '../cluster/remote.ts';
import { CliError, exitCodes } from '../errors.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';
import { listPlugins } from './plugin.ts';
import { addShadowCommands, schedulingStatus } from './scheduler-shadow.ts';
import { schedulersText, schedulerItems, swapText } from './scheduler-text.ts';

const service = '/apis/kernel.timonel.dev/v1/services/scheduler';
/** Guard rails need some time to notice: pods that wait too long, memory that grows. */
const probationMs = 60_000;

async function inCharge(flags: AccessFlags): Promise<string | null> {
  return (await callCluster<{ provider: string | null }>(accessOf(flags), 'GET', service)).provider;
}

/** The name or the file of the scheduler that is meant: `binpack` is short for `scheduler-binpack`. */
async function providerOf(target: string, flags: AccessFlags): Promise<string> {
  if (looksLikeFile(target)) {
    const file = resolve(target);
    if (!existsSync(file)) throw new CliError(`${file} does not exist.`, exitCodes.usage);
    return file;
  }
  const known = (await listPlugins(flags)).filter(({ provides }) => provides.includes('scheduler'));
  const names = known.map(({ name }) => name);
  const found = [target, `scheduler-${target}`].find((name) => names.includes(name));
  if (found === undefined) {
    const text = `There is no scheduler '${target}'. There are ${names.join(', ')}; or give a file, like ./scheduler-mine.ts.`;
    throw new CliError(text, exitCodes.failure);
  }
  if (found === (await inCharge(flags))) {
    const others = names.filter((name) => name !== found).join(', ');
    throw new CliError(`${found} is in charge already. Others: ${others}.`, exitCodes.failure);
  }
  return found;
}

export function addScheduler(program: Command): void {
  const scheduler = program
    .command('scheduler')
    .description('Look at the schedulers and swap them while pods are scheduled');
  withAccess(
    scheduler
      .command('list')
      .description('All schedulers; the one in charge is marked, and what is tried or failed is told'),
  )
    .addHelpText('after', '\nExamples:\n  timonel scheduler list\n  timonel scheduler list -o json')
    .action(async (flags: AccessFlags) => {
      const items = schedulerItems(await listPlugins(flags), await inCharge(flags), await schedulingStatus(flags));
      print(flags, items, () => schedulersText(items, Date.now()));
    });
  withAccess(
    scheduler.command('use <name-or-file>').description('Swap the scheduler; on any failure the old one goes on'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  timonel scheduler use scheduler-binpack\n  timonel scheduler use default\n  timonel scheduler use ./scheduler-mine.ts',
    )
    .action(async (target: string, flags: AccessFlags) => {
      const provider = await providerOf(target, flags);
      const body = { provider, probationMs };
      const { report } = await callCluster<{ report: SwapReport }>(accessOf(flags), 'PUT', service, body);
      print(flags, report, () => swapText(report));
    });
  addShadowCommands(scheduler, providerOf);
}
