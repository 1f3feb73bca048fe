import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { BreakerInfo, PluginInfo } from '@timonel/sdk';
import { looksLikeFile } from '../cluster/plugin-loader.ts';
import { callCluster } from '../cluster/remote.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatAge, formatMs, formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

const base = '/apis/kernel.timonel.dev/v1/plugins';

/** The plugins of a running cluster. */
export async function listPlugins(flags: AccessFlags): Promise<readonly PluginInfo[]> {
  return (await callCluster<{ items: readonly PluginInfo[] }>(accessOf(flags), 'GET', base)).items;
}

function table(plugins: readonly PluginInfo[]): string {
  const now = Date.now();
  return formatTable(
    ['NAME', 'VERSION', 'STATE', 'AGE', 'START', 'PROVIDES', 'REASON'],
    plugins.map((plugin) => [
      plugin.name,
      plugin.version,
      plugin.state,
      plugin.state === 'disabled' ? '-' : formatAge(plugin.since, now),
      formatMs(plugin.startMs),
      plugin.provides.join(',') || '-',
      plugin.reason ?? '',
    ]),
  );
}

/** `closed, 2 of 10 faults within 60 s`. */
function breakerText({ state, faults, limit, windowMs, retryInMs }: BreakerInfo): string {
  if (state === 'closed') return `closed, ${faults} of ${limit} faults within ${formatMs(windowMs)}`;
  return `open: calls pass it by${retryInMs === undefined ? ', enable it to try again' : `, tried again in ${formatMs(retryInMs)}`}`;
}

function details(plugin: PluginInfo): string {
  const lines = [
    ['Name', plugin.name],
    ['Version', plugin.version],
    ['Description', plugin.description || '-'],
    ['Source', plugin.source],
    ['State', `${plugin.state} since ${plugin.since}`],
    ['Reason', plugin.reason ?? '-'],
    ['Setup', formatMs(plugin.setupMs)],
    ['Start', formatMs(plugin.startMs)],
    ['Criticality', plugin.criticality],
    ['Isolation', plugin.isolation],
    ['Swap', plugin.swap],
    ['Provides', plugin.provides.join(', ') || '-'],
    ['Requires', plugin.requires.join(', ') || '-'],
    ['Faults', String(plugin.faults)],
    ['Restarts', String(plugin.restarts)],
    ['Breaker', breakerText(plugin.breaker)],
  ].map(([key, value]) => `${`${key}:`.padEnd(14)}${value}`);
  if (plugin.taps.length > 0) {
    lines.push('Taps:');
    const rows = plugin.taps.map((tap) => [
      `  ${tap.hook}`,
      String(tap.stage),
      tap.onError === 'fail' ? 'closed' : 'open',
      String(tap.calls),
      String(tap.errors),
      String(tap.timeouts),
      String(tap.refusals),
      `${Math.round(tap.p50Us)} µs`,
      `${Math.round(tap.p99Us)} µs`,
    ]);
    lines.push(
      formatTable(['  HOOK', 'STAGE', 'FAILS', 'CALLS', 'ERRORS', 'TIMEOUTS', 'REFUSALS', 'P50', 'P99'], rows),
    );
  }
  return lines.join('\n');
}

async function enable(target: string, flags: AccessFlags): Promise<void> {
  const access = accessOf(flags);
  let info: PluginInfo;
  if (looksLikeFile(target)) {
    const file = resolve(target);
    if (!existsSync(file)) throw new CliError(`${file} does not exist.`, exitCodes.usage);
    info = await callCluster(access, 'POST', base, { file });
  } else {
    info = await callCluster(access, 'POST', `${base}/${encodeURIComponent(target)}/enable`);
  }
  print(flags, info, () => `plugin ${info.name} is ${info.state}`);
  if (info.state === 'failed' || info.state === 'quarantined') process.exitCode = exitCodes.failure;
}

export function addPlugin(program: Command): void {
  const plugin = program.command('plugin').description('Look into and change the plugins of a running cluster');
  withAccess(plugin.command('list').description('All plugins with their state'))
    .addHelpText('after', '\nExamples:\n  timonel plugin list\n  timonel plugin list -o json')
    .action(async (flags: AccessFlags) => {
      const items = await listPlugins(flags);
      print(flags, items, () => table(items));
    });
  withAccess(plugin.command('info <name>').description('Everything about one plugin: state, services, hooks, figures'))
    .addHelpText('after', '\nExample:\n  timonel plugin info scheduler-default')
    .action(async (name: string, flags: AccessFlags) => {
      const info = await callCluster<PluginInfo>(accessOf(flags), 'GET', `${base}/${encodeURIComponent(name)}`);
      print(flags, info, () => details(info));
    });
  withAccess(
    plugin.command('enable <name-or-file>').description('Start a plugin now, and again at every start of the cluster'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  timonel plugin enable controller-gc\n  timonel plugin enable ./examples/plugins/deny-latest.ts',
    )
    .action(enable);
  withAccess(plugin.command('disable <name>').description('Stop a plugin now, and leave it out from now on'))
    .addHelpText('after', '\nExample:\n  timonel plugin disable deny-latest')
    .action(async (name: string, flags: AccessFlags) => {
      const info = await callCluster<PluginInfo>(
        accessOf(flags),
        'POST',
        `${base}/${encodeURIComponent(name)}/disable`,
      );
      print(flags, info, () => `plugin ${info.name} is ${info.state}`);
    });
}
