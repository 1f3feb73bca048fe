import { Command, CommanderError } from 'commander';
import { errorCode, errorMessage } from '@timonel/sdk';
import { addAgent } from './commands/agent.ts';
import { addCertificates } from './commands/certificates.ts';
import { addCompletion } from './commands/completion.ts';
import { addDoctor } from './commands/doctor.ts';
import { addImage } from './commands/image.ts';
import { addKubeconfig } from './commands/kubeconfig.ts';
import { addNet } from './commands/net/net.ts';
import { addPlugin } from './commands/plugin.ts';
import { addScheduler } from './commands/scheduler.ts';
import { addServer } from './commands/server.ts';
import { addSecrets } from './commands/secrets.ts';
import { addStore } from './commands/store.ts';
import { addToken } from './commands/token.ts';
import { addUnshare } from './commands/unshare.ts';
import { addUp } from './commands/up.ts';
import { addVersion, timonelVersion } from './commands/version.ts';
import { addWhy } from './commands/why.ts';
import { exitCodes } from './errors.ts';

export function createProgram(): Command {
  const program = new Command('timonel')
    .description(
      'A container orchestrator as a plugin kernel: Kubernetes on the wire, every part replaceable while it runs',
    )
    .version(timonelVersion)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows the options)')
    .configureHelp({ sortSubcommands: true, showGlobalOptions: false })
    .enablePositionalOptions()
    .exitOverride();
  for (const add of [
    addUp,
    addPlugin,
    addScheduler,
    addWhy,
    addServer,
    addAgent,
    addStore,
    addSecrets,
    addCertificates,
    addToken,
    addImage,
    addKubeconfig,
    addNet,
    addDoctor,
    addUnshare,
    addVersion,
    addCompletion,
  ]) {
    add(program);
  }
  return program;
}

/** What is printed for an error that reached the top: all problems of a set of plugins, or one sentence. */
function describe(error: unknown): string {
  const problems = (error as { problems?: readonly { plugin?: string; message: string }[] }).problems;
  if (errorCode(error) === 'ERR_GRAPH' && problems !== undefined) {
    return [
      `The plugins cannot start (${problems.length} problem${problems.length === 1 ? '' : 's'}):`,
      ...problems.map((problem) => `  - ${problem.message}`),
    ].join('\n');
  }
  return errorMessage(error);
}

/** Runs the command line. Resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...argv], { from: 'user' });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    process.stderr.write(`error: ${describe(error)}\n`);
    if (process.env['TIMONEL_DEBUG'] !== undefined) process.stderr.write(`${(error as Error).stack ?? ''}\n`);
    return (error as { exitCode?: number }).exitCode ?? exitCodes.failure;
  }
}
