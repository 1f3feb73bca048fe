import { failure, goDuration, success, type Attempt, type ProbeResult } from './probe-target.ts';

const outputLimitBytes = 10 * 1024;

/** A command in the container: 0 is healthy. One that nothing can begin or end in its time is not waited for. */
export function execProbe(command: readonly string[], attempt: Attempt): Promise<ProbeResult> {
  const { signal, limitMs } = attempt;
  const late = new Promise<ProbeResult>((resolve) => {
    signal.addEventListener('abort', () => resolve(timedOut(command, limitMs)), { once: true });
  });
  return Promise.race([resultOf(command, attempt), late]);
}

async function resultOf(command: readonly string[], { target, signal, limitMs }: Attempt): Promise<ProbeResult> {
  const session = await target.runtime.exec(target.containerId, { command, tty: false, stdin: false });
  let output = '';
  const take = (chunk: unknown): void => {
    if (output.length < outputLimitBytes) output += String(chunk);
  };
  session.stdout.on('data', take);
  session.stderr?.on('data', take);
  const kill = (): void => session.kill();
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  try {
    const exitCode = await session.exited;
    if (signal.aborted) return timedOut(command, limitMs);
    return exitCode === 0 ? success : failure(output.slice(0, outputLimitBytes));
  } catch (error) {
    if (signal.aborted) return timedOut(command, limitMs);
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function timedOut(command: readonly string[], limitMs: number): ProbeResult {
  return failure(`command timed out: "${command.join(' ')}" timed out after ${goDuration(limitMs)}`);
}
