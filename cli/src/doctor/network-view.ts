/** The network of this machine, or of the namespace of a process, as it is looked at without changing it. */
import { readFile } from 'node:fs/promises';
import { run } from '@timonel/sdk/command';

export interface NetworkView {
  /** What a program prints; undefined: it is absent, or it failed. */
  output(program: string, ...args: string[]): Promise<string | undefined>;
  /** A file of /proc/net; '' when there is none. */
  proc(name: string): Promise<string>;
}

/** `pid`: a process in the namespace that is meant. */
export function networkView(pid?: number): NetworkView {
  const inside = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-n'];
  return {
    async output(...words) {
      const [program = '', ...args] = [...inside, ...words];
      const result = await run(program, args).catch(() => undefined);
      return result?.status === 0 ? result.stdout : undefined;
    },
    proc: (name) => readFile(`/proc/${pid ?? 'self'}/net/${name}`, 'utf8').catch(() => ''),
  };
}
