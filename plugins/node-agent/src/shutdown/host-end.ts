/** Whether the machine goes down, or only this process ends. */
import { run, type CommandResult } from '@timonel/sdk/command';

type Run = (program: string, args: readonly string[]) => Promise<Pick<CommandResult, 'stdout'>>;

/** By the word of systemd. Where there is none nobody knows, and the machine is taken to go on. */
export async function hostEnds(ask: Run = run): Promise<boolean> {
  try {
    const { stdout } = await ask('systemctl', ['is-system-running']);
    return stdout.trim() === 'stopping';
  } catch {
    return false;
  }
}
