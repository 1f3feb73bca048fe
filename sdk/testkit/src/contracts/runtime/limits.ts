import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import type { LinuxResources } from '@timonel/sdk/contracts/runtime';
import { until } from '../../until.ts';
import type { SuiteContext } from './suite-context.ts';

const mib = 1024 * 1024;
const refused = { name: 'RuntimeError', reason: 'ResizeError' };

/** Limits that are changed while the container runs. */
export function limitTests(suite: SuiteContext): void {
  const { keepsLimits = true, takeMemory } = suite.declared;

  it('refuses to change the limits of what is not there', async () => {
    const update = { cpuShares: 100 };
    await expect(suite.runtime.updateContainer('never-made', update)).rejects.toMatchObject(refused);
    await expect(suite.runtime.updateSandbox('never-made', update)).rejects.toMatchObject(refused);
  });

  if (!keepsLimits) {
    it('refuses to change limits, as it has none', async () => {
      const sandbox = await suite.newSandbox();
      const id = await suite.started(sandbox, suite.commands.run);
      await expect(suite.runtime.updateContainer(id, { cpuShares: 100 })).rejects.toMatchObject(refused);
      await expect(suite.runtime.updateSandbox(sandbox, { cpuShares: 100 })).rejects.toMatchObject(refused);
      expect((await suite.runtime.containerStatus(id))?.resources).toBeUndefined();
    });
    return;
  }

  it('changes limits while a container runs: they are told, also after a restart, and nothing else changed', async () => {
    const before = { memoryLimitBytes: 256 * mib, cpuShares: 512, cpuLimitMillis: 500 };
    const [sandbox, id] = await limited(before);
    const status = await suite.runtime.containerStatus(id);
    expect(status?.resources).toMatchObject(before);
    await suite.runtime.updateSandbox(sandbox, { memoryLimitBytes: 1024 * mib });
    await suite.runtime.updateContainer(id, { memoryLimitBytes: 512 * mib, cpuLimitMillis: 250 });
    const after = { memoryLimitBytes: 512 * mib, cpuShares: 512, cpuLimitMillis: 250 };
    for (const restarts of [false, true]) {
      if (restarts) await suite.restart();
      expect(await resources(id)).toMatchObject(after);
      expect(await ofSandbox(sandbox)).toMatchObject({ memoryLimitBytes: 1024 * mib, cpuShares: 1024 });
      expect(await suite.runtime.containerStatus(id)).toEqual({ ...status, resources: expect.objectContaining(after) });
    }
  });

  it('takes limits away, and changes those of a container that did not start yet', async () => {
    const [sandbox, id] = await limited({ memoryLimitBytes: 256 * mib, cpuLimitMillis: 500 });
    await suite.runtime.updateSandbox(sandbox, { memoryLimitBytes: -1, cpuLimitMillis: -1 });
    await suite.runtime.updateContainer(id, { memoryLimitBytes: -1, cpuLimitMillis: -1 });
    for (const each of [await resources(id), await ofSandbox(sandbox)]) {
      expect(each).not.toHaveProperty('memoryLimitBytes');
      expect(each).not.toHaveProperty('cpuLimitMillis');
    }
    const created = suite.container(sandbox, suite.newId(), suite.commands.run, { resources: { cpuShares: 100 } });
    await suite.runtime.createContainer(created);
    await suite.runtime.updateContainer(created.id, { cpuShares: 200 });
    await suite.runtime.startContainer(created.id);
    expect(await resources(created.id)).toMatchObject({ cpuShares: 200 });
  });

  const why = takeMemory === undefined ? ' (skipped: this runtime measures no memory)' : '';
  (takeMemory === undefined ? it.skip : it)(
    `refuses a memory limit below what is in use: the container goes on, and nothing changed${why}`,
    async () => {
      const before = { memoryLimitBytes: 512 * mib, cpuShares: 512 };
      const [, id] = await limited(before, takeMemory?.(128 * mib));
      const logPath = (await suite.runtime.containerStatus(id))?.logPath ?? '';
      await until(async () => (await readFile(logPath, 'utf8')).includes('full'), { what: 'memory to be in use' });
      const update = { cpuShares: 100, memoryLimitBytes: 64 * mib };
      await expect(suite.runtime.updateContainer(id, update)).rejects.toMatchObject(refused);
      expect(await suite.runtime.containerStatus(id)).toMatchObject({ state: 'running', resources: before });
      await suite.runtime.updateContainer(id, { memoryLimitBytes: 400 * mib });
      expect(await resources(id)).toMatchObject({ memoryLimitBytes: 400 * mib, cpuShares: 512 });
      expect((await suite.runtime.containerStatus(id))?.state).toBe('running');
    },
  );

  /** A sandbox of 512 MiB and a container in it that runs. */
  async function limited(limits: LinuxResources, command = suite.commands.run): Promise<[string, string]> {
    const sandbox = suite.newId();
    const whole = { memoryLimitBytes: 512 * mib, cpuShares: 1024, cpuLimitMillis: 1000 };
    await suite.runtime.runSandbox(suite.sandbox(sandbox, { resources: whole }));
    return [sandbox, await suite.started(sandbox, command, { resources: limits })];
  }

  async function resources(id: string): Promise<LinuxResources | undefined> {
    return (await suite.runtime.containerStatus(id))?.resources;
  }

  async function ofSandbox(id: string): Promise<LinuxResources | undefined> {
    return (await suite.runtime.listSandboxes()).find((each) => each.id === id)?.resources;
  }
}
