/** Each attack is stopped by runtime-linux, after it the node starts a container, and nothing is left. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { attacks } from './attacks/index.ts';
import { settings } from './bed.ts';
import { openNode, type AttackedNode } from './nodes.ts';

let node: AttackedNode;
beforeAll(async () => {
  node = await openNode('timonel');
}, 60_000);
afterEach(() => node.clean());
afterAll(() => node.close());

describe.each([...new Set(attacks.map(({ area }) => area))])('%s', (area) => {
  it.each(attacks.filter((attack) => attack.area === area))(
    '$name',
    async (attack) => {
      expect(await attack.run(node.bed)).toMatchObject({ stopped: true });
      await node.bed.works();
    },
    60_000,
  );
});

describe('the attackers', () => {
  it('get what they try where it is granted', async () => {
    const names = ['user-namespace', 'mount-namespace', 'add-key', 'bpf', 'perf', 'fsopen', 'open-tree', 'x32'];
    const attempts = [...names.map((name) => [name]), ['mount', 'tmpfs', '/tmp'], ['device', 'c', '1', '5', '/root/d']];
    const output = await node.bed.attempt(attempts, settings({ privileged: true }));
    const lines = output.split('\n').map((line) => line.split(' ')[0]);
    expect(lines).toEqual(attempts.map(([name]) => (name === 'x32' ? expect.any(String) : 'ok')));
  });

  it('end and read a process of the node where they see it', async () => {
    const { bed } = node;
    const sandbox = await bed.sandbox({ hostPid: true });
    const environment = `/proc/${bed.host.victim}/environ`;
    const { output } = await bed.run(['sh', '-c', `cat ${environment}`], settings({ privileged: true }), sandbox);
    expect(output).toContain(bed.host.secret);
  });
});
