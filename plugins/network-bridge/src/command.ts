/** The programs of the host, with failures as NetworkError COMMAND_FAILED. */
import { errorMessage } from '@timonel/sdk';
import { failureText, run as runProgram, type CommandResult } from '@timonel/sdk/command';
import { NetworkError } from '@timonel/sdk/contracts/network';

/** Runs a program with a text as standard input. @throws NetworkError COMMAND_FAILED when it cannot be run at all */
export async function run(program: string, args: readonly string[], input = ''): Promise<CommandResult> {
  try {
    return await runProgram(program, args, input, process.env['PATH']);
  } catch (error) {
    throw new NetworkError('COMMAND_FAILED', errorMessage(error));
  }
}

/** Runs a program that must succeed and returns what it printed. @throws NetworkError COMMAND_FAILED */
export async function mustRun(program: string, args: readonly string[], input = ''): Promise<string> {
  const result = await run(program, args, input);
  if (result.status !== 0) throw commandFailed(program, result);
  return result.stdout;
}

export function commandFailed(what: string, result: CommandResult): NetworkError {
  return new NetworkError('COMMAND_FAILED', failureText(what, result));
}
