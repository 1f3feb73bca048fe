/** Nodes of a real cluster tell each other their keys of WireGuard with the rights that nodes have. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasProgram } from '../../cli/src/cluster/host.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';

jest.setTimeout(180_000);
const hasWireguard = hasProgram('wg') && hasProgram('wireguard-go');
const missing = bedMissing ?? (hasWireguard ? undefined : 'needs wireguard-tools and wireguard-go');
const suite = missing === undefined ? describe : describe.skip;
const settings = `plugins:
  routes-auto:
    config:
      tunnels: always
      tunnelKind: wireguard
      wireguardImplementation: userspace
`;

suite(`a cluster whose nodes encrypt${missing === undefined ? '' : ` (${missing})`}`, () => {
  let bed: Bed;
  let master: Master;
  let agents: Agent[];

  beforeAll(async () => {
    bed = await createBed({ masters: 1, nodes: 2 });
    master = await startMaster(bed.machine('m1'));
    const config = join(bed.directory, 'agent.yaml');
    writeFileSync(config, settings);
    const args = ['--config', config];
    agents = await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters: [master], args })));
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  it('has the key of each in its Node object, and a way through WireGuard, whose ends have met', async () => {
    const said = (): string => agents.map(({ process }) => process.output).join('\n');
    const [n1, n2] = [bed.machine('n1'), bed.machine('n2')];
    const routes = async (): Promise<string> => n1.mustExec('ip', ['-4', 'route', 'show', 'proto', '84']);
    await until(async () => / dev tw[0-9a-f]{8}/.test(await routes()), { what: said, timeoutMs: 60_000 });
    const annotation = 'jsonpath={.items[*].metadata.annotations.network\\.timonel\\.dev/wireguard}';
    const { stdout } = await kubectl(bed, master, ['get', 'nodes', '-o', annotation]);
    expect(stdout.match(/"proof"/g)).toHaveLength(2);
    // The node's end of the other's range, from which it speaks.
    const [, other = ''] = /inet (10\.244\.\d+\.0)\/32/.exec(await n2.mustExec('ip', ['-4', 'addr'])) ?? [];
    const met = async (): Promise<boolean> =>
      (await n1.exec('ping', ['-n', '-c', '1', '-W', '1', other])).stdout.includes('time=');
    await until(met, { what: `${other} to answer`, timeoutMs: 30_000 });
  });
});
