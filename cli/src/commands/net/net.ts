import { Option, type Command } from 'commander';
import { CliError, exitCodes } from '../../errors.ts';
import { accessOf, print, withAccess, type AccessFlags } from '../access.ts';
import { NetworkCheck } from './check-run.ts';
import { reportText } from './report-text.ts';

interface CheckFlags extends AccessFlags {
  readonly nodes?: string;
  readonly timeout: string;
}

async function check(flags: CheckFlags): Promise<void> {
  const seconds = Number(flags.timeout);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 240)
    throw new CliError(`--timeout ${flags.timeout} is not a whole number of seconds from 1 to 240.`, exitCodes.usage);
  const ended = new AbortController();
  const end = (): void => ended.abort();
  // A second signal ends the command at once.
  process.once('SIGINT', end).once('SIGTERM', end);
  const nodes = (flags.nodes ?? '').split(',').filter((name) => name !== '');
  const options = { nodes, timeoutMs: seconds * 1000, signal: ended.signal };
  const report = await new NetworkCheck(accessOf(flags), options).run();
  print(flags, report, () => reportText(report));
  if (!report.ok) process.exitCode = exitCodes.failure;
}

export function addNet(program: Command): void {
  const net = program.command('net').description('Look at the network between nodes, pods and services');
  withAccess(
    net
      .command('check')
      .description(
        'Try the network between all nodes: pod to pod, pod to service, node to pod, DNS; say what is wrong and where',
      )
      .option('--nodes <names>', 'only these nodes, with commas between them (default: all)')
      .addOption(
        new Option('--timeout <seconds>', 'time in which pods start, and the same again for the tries').default('60'),
      ),
  )
    .addHelpText(
      'after',
      '\nMakes a few pods on each node for some seconds, in a namespace of its own, and removes them in any case. It needs the right to do so. Large packets are tried, too: an MTU that does not fit shows.' +
        '\n\nExit codes: 0 everything is ok, 1 something is wrong, 2 wrong arguments, 3 no cluster answers.' +
        '\n\nExamples:\n  timonel net check\n  timonel net check --nodes node-1,node-2\n  timonel net check -o json',
    )
    .action(check);
}
