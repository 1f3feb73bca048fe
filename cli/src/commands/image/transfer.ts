/** `timonel image pull` and `timonel image push`. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ImageInfo, PullProgress, RegistryCredentials } from '@timonel/sdk/contracts/images';
import { linesFromCluster } from '../../cluster/remote.ts';
import { CliError, exitCodes } from '../../errors.ts';
import { formatBytes, formatMs } from '../../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from '../access.ts';
import { imagesPath } from './path.ts';
import { dockerConfigPath, registryOf, storedCredentials } from './docker-config.ts';
import { progressView } from './progress-lines.ts';

interface TransferFlags extends AccessFlags {
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly plainHttp?: boolean;
  readonly quiet?: boolean;
  readonly platform?: string;
}

type Line =
  | { readonly progress: PullProgress }
  | { readonly error: { readonly reason: string; readonly message: string } }
  | { readonly image: ImageInfo; readonly pulled: { readonly bytes: number; readonly durationMs: number } | null }
  | { readonly pushed: { readonly digest: string } };

type Outcome = Exclude<Line, { readonly progress: PullProgress } | { readonly error: unknown }>;

/** @throws CliError usage */
function credentialsFor(
  reference: string,
  { username, passwordStdin = false }: TransferFlags,
): readonly RegistryCredentials[] {
  if (username === undefined && !passwordStdin) return storedCredentials(reference, dockerConfigPath());
  if (username === undefined || !passwordStdin) {
    throw new CliError(
      '--username and --password-stdin go together: echo SECRET | timonel image … --username NAME --password-stdin',
      exitCodes.usage,
    );
  }
  const password = readFileSync(0, 'utf8').replace(/\r?\n$/, '');
  if (password === '') throw new CliError('--password-stdin: the standard input is empty.', exitCodes.usage);
  return [{ registry: registryOf(reference), username, password }];
}

async function transfer(verb: 'pull' | 'push', reference: string, flags: TransferFlags): Promise<Outcome> {
  const body = {
    reference,
    credentials: credentialsFor(reference, flags),
    ...(flags.plainHttp === undefined ? {} : { plainHttp: flags.plainHttp }),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
  };
  const view = progressView(process.stderr);
  for await (const line of linesFromCluster(accessOf(flags), `${imagesPath}/${verb}`, body) as AsyncIterable<Line>) {
    if ('progress' in line) {
      if (flags.quiet !== true) view.show(line.progress);
    } else if ('error' in line) throw new CliError(`${line.error.message} (${line.error.reason})`);
    else {
      view.end();
      return line;
    }
  }
  throw new CliError('The node ended its answer without a result: look at its log, and try again.');
}

async function pull(reference: string, flags: TransferFlags): Promise<void> {
  const outcome = await transfer('pull', reference, flags);
  if (!('image' in outcome)) return;
  const { image, pulled } = outcome;
  print(flags, outcome, () =>
    pulled === null
      ? `${reference} is up to date (${image.id.slice(7, 19)})`
      : `pulled ${reference} (${image.id.slice(7, 19)}, ${formatBytes(pulled.bytes)} in ${formatMs(pulled.durationMs)})`,
  );
}

async function push(reference: string, flags: TransferFlags): Promise<void> {
  const outcome = await transfer('push', reference, flags);
  if ('pushed' in outcome) print(flags, outcome.pushed, () => `pushed ${reference} (${outcome.pushed.digest})`);
}

function withRegistry(command: Command): Command {
  return withAccess(command)
    .option('--username <name>', 'who to be at the registry (default: what ~/.docker/config.json says)')
    .option('--password-stdin', 'read the password from the standard input')
    .option('--plain-http', 'speak HTTP without TLS to a registry that is not on loopback')
    .option('-q, --quiet', 'do not show how it goes on');
}

export function addTransfer(image: Command): void {
  withRegistry(image.command('pull <reference>').description('Bring an image from its registry to the node'))
    .option('--platform <os/arch>', "another than the node's, as os/architecture or os/architecture/variant")
    .addHelpText(
      'after',
      '\nExamples:\n  timonel image pull nginx:1.25\n  echo $TOKEN | timonel image pull registry.example/shop/web:3 --username ci --password-stdin\n  timonel image pull 10.0.0.5:5000/web:3 --plain-http --platform linux/arm64',
    )
    .action(pull);
  withRegistry(image.command('push <reference>').description('Send an image of the node to its registry'))
    .addHelpText(
      'after',
      '\nExample:\n  timonel image build ./rootfs localhost:5000/hello:1 --entrypoint /bin/hello && timonel image push localhost:5000/hello:1',
    )
    .action(push);
}
