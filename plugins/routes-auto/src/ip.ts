/** Calls of ip(8), bridge(8), nft(8) and wg(8), which tests send to a network namespace of their own. */
import { CommandError, failureText, type CommandResult } from '@timonel/sdk/command';

/** Runs a program of iproute2, nftables or WireGuard. */
export type RunProgram = (
  program: 'ip' | 'bridge' | 'nft' | 'wg' | 'wireguard-go' | 'sh',
  args: readonly string[],
  input?: string,
) => Promise<CommandResult>;

export function commandFailed(program: string, result: CommandResult): CommandError {
  return new CommandError(program, failureText(program, result), result);
}

/** What a command that must succeed prints as JSON. */
export async function rowsOf<T>(run: RunProgram, program: 'ip' | 'bridge', args: readonly string[]): Promise<T[]> {
  const result = await run(program, args);
  if (result.status !== 0) throw commandFailed(`${program} ${args.join(' ')}`, result);
  return JSON.parse(result.stdout || '[]') as T[];
}

/** Does all commands that can be done. Answers what was wrong with the others; '' when nothing was. */
export async function runBatch(run: RunProgram, program: 'ip' | 'bridge', lines: readonly string[]): Promise<string> {
  if (lines.length === 0) return '';
  const { status, stderr } = await run(program, ['-force', '-batch', '-'], `${lines.join('\n')}\n`);
  return status === 0 ? '' : stderr.trim() || `status ${status}`;
}
