/** Whether the machine goes down, or only this process ends. */
import type { Env } from '@timonel/sdk';
import { run, type CommandResult } from '@timonel/sdk/command';
import { endsWithin } from '../agent/ends-within.ts';

type Run = (program: string, args: readonly string[]) => Promise<Pick<CommandResult, 'stdout'>>;

const answerMs = 2000;

/** By the word of systemd. Where there is none, or it is silent, nobody knows, and the machine is taken to go on. */
export async function hostEnds(env: Env, ask: Run = run): Promise<boolean> {
  const isStopping = ask('systemctl', ['is-system-running']).then(
    ({ stdout }) => stdout.trim() === 'stopping',
    () => false,
  );
  return (await endsWithin(env, answerMs, isStopping)) && isStopping;
}
