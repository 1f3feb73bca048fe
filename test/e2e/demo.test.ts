/** `npm start`: the demo as a stranger sees it, and a machine that looks as before when it was stopped. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@timonel/testkit/free-port';
import { TestCluster, command } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

describe('the demo', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start({ args: ['--demo'], readyText: 'The service:', timeoutMs: 60_000 });
  }, 90_000);
  afterAll(async () => cluster.dispose(), 60_000);

  it('shows plugins, the way in, and requests answered by three different pods', () => {
    const { output } = cluster;
    expect(output).toMatch(/apiserver +setup +[\d.]+ m?s +start +[\d.]+ m?s/);
    expect(output).toMatch(/Node node-1 is Ready after/);
    expect(output).toContain(`API server:  https://127.0.0.1:${cluster.port}`);
    const pods = [...output.matchAll(/answered by (web-[a-z0-9]+-[a-z0-9]{5})$/gm)].map((match) => match[1]);
    expect(pods.length).toBeGreaterThanOrEqual(12);
    expect(new Set(pods).size).toBe(3);
  });

  it('leaves nothing behind after Ctrl-C', async () => {
    expect(newTraces(before).length).toBeGreaterThan(0);
    expect(await cluster.signal('SIGINT')).toBe(0);
    expect(cluster.output).toContain('Stopped.');
    await until(() => newTraces(before).length === 0, {
      what: () => `nothing left behind, but: ${newTraces(before).join('; ')}`,
      timeoutMs: 5000,
    });
  }, 40_000);
});

describe('the demo without root and without namespaces', () => {
  it('says that nothing is isolated, and works', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'timonel-user-'));
    chmodSync(directory, 0o777);
    const nobody = '65534';
    const hideNsenter = 'mount --bind /dev/null "$(command -v nsenter)" && exec setpriv "$@"';
    const child = spawn('unshare', [
      '--mount',
      'sh',
      '-c',
      hideNsenter,
      'sh',
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      '--clear-groups',
      process.execPath,
      command,
      'up',
      '--demo',
      '--data-dir',
      join(directory, 'data'),
      '--listen',
      `127.0.0.1:${await freePort()}`,
    ]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    try {
      await until(() => output.includes('The service:') || child.exitCode !== null, {
        what: () => `the end of the demo:\n${output}`,
        timeoutMs: 60_000,
      });
      expect(output).toContain('WITHOUT ISOLATION');
      expect(output).toMatch(/\d\d requests were answered by 3 pods/);
    } finally {
      child.kill('SIGINT');
      expect(await ended).toBe(0);
      rmSync(directory, { recursive: true, force: true });
    }
  }, 90_000);
});
