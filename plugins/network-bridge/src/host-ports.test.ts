import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Logger } from '@timonel/sdk';
import type { HostPort } from '@timonel/sdk/contracts/network';
import { HostPortFlows } from './host-port-flows.ts';
import { HostPorts } from './host-ports.ts';
import { log } from './testing/bed.ts';

const hostPort: HostPort = { protocol: 'UDP', hostIP: '', hostPort: 53, containerPort: 5353 };
const path = process.env['PATH'] ?? '';
let programs = '';
/** A program of which only its calls are known. */
const fake = (name: string, script: string): Promise<void> =>
  writeFile(join(programs, name), `#!/bin/sh\n{ echo "$@"; cat; } >>${programs}/calls\n${script}\n`, { mode: 0o755 });
const calls = async (): Promise<string> => {
  const text = await readFile(join(programs, 'calls'), 'utf8').catch(() => '');
  await rm(join(programs, 'calls'), { force: true });
  return text;
};

beforeEach(async () => {
  programs = await mkdtemp(join(tmpdir(), 'timonel-path-'));
  process.env['PATH'] = `${programs}:${path}`;
});
afterEach(async () => {
  process.env['PATH'] = path;
  await rm(programs, { recursive: true, force: true });
});

describe('HostPorts', () => {
  it('removes a table until that has been done, and none that it did not make', async () => {
    const ports = new HostPorts('ports', 'no-bridge', 4);
    await fake('nft', '');
    await ports.set(() => []);
    expect(await calls()).toBe('');
    await ports.set(() => [{ address: '10.1.0.2', hostPorts: [hostPort] }]);
    expect(await calls()).toContain('udp . 53 : 10.1.0.2 . 5353');
    await fake('nft', 'exit 1');
    await expect(ports.set(() => [])).rejects.toThrow(/nft failed/);
    await fake('nft', '');
    await calls();
    await ports.set(() => []);
    expect(await calls()).toContain('delete table ip ports');
    await ports.set(() => []);
    expect(await calls()).toBe('');
  });
});

describe('HostPortFlows', () => {
  it('ends what goes to a port that a pod has now, and what goes to a pod that has it no more', async () => {
    const flows = new HostPortFlows(log);
    await fake('conntrack', 'echo "conntrack v1.4: 0 flow entries have been deleted." >&2; exit 1');
    await flows.begin([{ ...hostPort, protocol: 'TCP' }], [4]);
    expect(await calls()).toBe('');
    await flows.begin([hostPort, { ...hostPort, hostIP: '127.0.0.1' }], [4, 6]);
    expect(await calls()).toBe('-D -p udp -f ipv4 --orig-port-dst 53\n-D -p udp -f ipv6 --orig-port-dst 53\n');
    await flows.cease([hostPort], ['10.1.0.2', 'fd00::2']);
    expect(await calls()).toBe(
      '-D -p udp -f ipv4 --orig-port-dst 53 --reply-src 10.1.0.2\n-D -p udp -f ipv6 --orig-port-dst 53 --reply-src fd00::2\n',
    );
  });

  it('says once that it cannot, and the pod goes on', async () => {
    const warnings: unknown[] = [];
    const warning: Logger = { ...log, warn: (fields) => warnings.push(fields) };
    const flows = new HostPortFlows(warning);
    await fake('conntrack', 'echo "not permitted" >&2; exit 1');
    await flows.begin([hostPort], [4]);
    await flows.cease([hostPort], ['10.1.0.2']);
    expect(warnings).toEqual([{ error: 'not permitted' }]);
    await chmod(join(programs, 'conntrack'), 0o644);
    process.env['PATH'] = programs;
    await flows.begin([hostPort], [4]);
    expect(warnings).toEqual([{ error: 'not permitted' }, { error: expect.stringMatching(/conntrack cannot be run/) }]);
  });
});
