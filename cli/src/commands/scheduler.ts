import type { Command } from 'commander';
import type { SwapReport } from '@timonel/sdk';
import { callCluster } from '../cluster/remote.ts';
import { formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';
import { listPlugins } from './plugin.ts';

const service = '/apis/kernel.timonel.dev/v1/services/scheduler';

export function addScheduler(program: Command): void {
  const scheduler = program
    .command('scheduler')
    .description('Look at the schedulers and swap them while pods are scheduled');
  withAccess(scheduler.command('list').description('All schedulers; the one in charge is marked'))
    .addHelpText('after', '\nExample:\n  timonel scheduler list')
    .action(async (flags: AccessFlags) => {
      const { provider } = await callCluster<{ provider: string | null }>(accessOf(flags), 'GET', service);
      const items = (await listPlugins(flags))
        .filter((plugin) => plugin.provides.includes('scheduler'))
        .map(({ name, version, state, description }) => ({
          name,
          version,
          state,
          description,
          inCharge: name === provider,
        }));
      print(flags, items, () =>
        formatTable(
          ['', 'NAME', 'VERSION', 'STATE', 'DESCRIPTION'],
          items.map((item) => [item.inCharge ? '*' : '', item.name, item.version, item.state, item.description]),
        ),
      );
    });
  withAccess(scheduler.command('use <name>').description('Swap the scheduler; on any failure the old one goes on'))
    .addHelpText('after', '\nExamples:\n  timonel scheduler use scheduler-binpack\n  timonel scheduler use default')
    .action(async (name: string, flags: AccessFlags) => {
      const known = (await listPlugins(flags)).map((plugin) => plugin.name);
      const provider = known.includes(name) || !known.includes(`scheduler-${name}`) ? name : `scheduler-${name}`;
      const report = await callCluster<SwapReport>(accessOf(flags), 'PUT', service, { provider });
      print(
        flags,
        report,
        () =>
          `${report.from} → ${report.to}: paused for ${report.pauseMs.toFixed(1)} ms, ${report.heldCalls} calls held back, none lost`,
      );
    });
}
