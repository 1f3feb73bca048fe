import { readFileSync, readdirSync } from 'node:fs';

interface Found {
  readonly pid: number;
  readonly name: string;
  readonly commandLine: string;
}

function processes(): Found[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), name: readFileSync(`/proc/${name}/comm`, 'utf8').trim(), commandLine }];
      } catch {
        return []; // it ended while we read
      }
    });
}

/** The runtime's own processes for containers and pods with one of these words in their paths. */
function runtimeProcesses(words: readonly string[]): readonly Found[] {
  return processes().filter(
    ({ commandLine }) => commandLine.includes('timonel-monitor') && words.some((word) => commandLine.includes(word)),
  );
}

/** SIGKILL to them, and to the launcher of this process. @returns to how many */
export function endProcesses(words: readonly string[]): number {
  const ours = new Set(childrenOf(process.pid));
  const launchers = processes().filter(({ pid, name }) => ours.has(pid) && name.startsWith('timonel-'));
  const victims = [...runtimeProcesses(words), ...launchers];
  for (const { pid } of victims) kill(pid);
  return victims.length;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended before.
  }
}
