import { expect, it } from '@jest/globals';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import type { SuiteContext } from './suite-context.ts';

interface Impossible {
  readonly what: string;
  readonly changes: Partial<ContainerConfig>;
  /** What the message names. */
  readonly named: string;
}

const absentPath = '/no/such/path-of-the-node';

/** What cannot be is refused by name, and nothing half-made is left. For runtimes that isolate. */
export function refusalTests(suite: SuiteContext): void {
  const isolates = suite.declared.shell !== undefined;
  const why = isolates ? '' : ' (skipped: this runtime does not isolate)';
  const security = (changes: Partial<ContainerConfig['security']>): Partial<ContainerConfig> => ({
    security: { ...suite.container('', '', []).security, ...changes },
  });
  const impossible: readonly (Omit<Impossible, 'changes'> & { readonly changes: () => Partial<ContainerConfig> })[] = [
    { what: 'a user that the image does not name', named: 'nobody-here', changes: () => ({ user: 'nobody-here' }) },
    { what: 'a group that the image does not name', named: 'no-group', changes: () => ({ user: '0:no-group' }) },
    {
      what: 'a mount from a path that is not there',
      named: absentPath,
      changes: () => ({
        mounts: [{ hostPath: absentPath, containerPath: '/m', readOnly: false, propagation: 'private' }],
      }),
    },
    {
      what: 'a capability that nobody knows',
      named: 'NO_SUCH_POWER',
      changes: () => security({ addCapabilities: ['NO_SUCH_POWER'] }),
    },
    { what: 'processors that the node has not', named: 'cpu', changes: () => ({ resources: { cpusetCpus: '4000' } }) },
    {
      what: 'less memory than a process needs',
      named: 'memory',
      changes: () => ({ resources: { memoryLimitBytes: 4096 } }),
    },
    { what: 'no command', named: 'command', changes: () => ({ command: [] }) },
    {
      what: 'a limit of something unknown',
      named: 'no-such-limit',
      changes: () => ({ resourceLimits: [{ type: 'no-such-limit', soft: 1, hard: 1 }] }),
    },
  ];

  (isolates ? it : it.skip).each(impossible)(
    `refuses $what by name, and leaves nothing half-made${why}`,
    async ({ changes, named }) => {
      const sandbox = await suite.newSandbox();
      const id = suite.newId();
      const config = suite.container(sandbox, id, suite.commands.exit(0), changes());
      // some runtimes find out with the start only
      const made = suite.runtime.createContainer(config).then(() => suite.runtime.startContainer(id));
      const message = expect.stringMatching(new RegExp(named, 'i'));
      await expect(made).rejects.toMatchObject({ name: 'RuntimeError', message });
      expect([undefined, 'exited']).toContain((await suite.runtime.containerStatus(id))?.state);
      await suite.runtime.removeContainer(id);
      await suite.runtime.createContainer(suite.container(sandbox, id, suite.commands.exit(0)));
      await suite.runtime.startContainer(id);
      expect((await suite.exited(id)).exitCode).toBe(0);
    },
  );
}
