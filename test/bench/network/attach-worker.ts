/** Networks of pods, made by network-bridge and by Debian's CNI plugin in turns. Runs in namespaces of its own, which end with it. */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import networkBridge from '@timonel/plugin-network-bridge';
import { mustRun, run } from '@timonel/sdk/command';
import { podNetwork } from '@timonel/sdk/contracts/network';
// Not the package's entry, whose suites need jest.
import { startTestKernel } from '../../../sdk/testkit/src/test-kernel.ts';
import type { AttachSamples } from './attach.ts';

const cniDirectory = '/usr/lib/cni';
/** Of the pods of network-bridge that are there beside those that are measured. */
const standing = 20;

type Step = (sandboxId: string, networkNamespace: string) => Promise<unknown>;

interface Contender {
  readonly attach: Step;
  readonly detach: Step;
}

// What network-bridge does for a pod, too: a gateway, a default route, pods that reach themselves.
function cniContender(directory: string, name: string, subnet: string, ipMasq: boolean): Contender {
  const ipam = { type: 'host-local', dataDir: join(directory, name), subnet, routes: [{ dst: '0.0.0.0/0' }] };
  const settings = { type: 'bridge', bridge: name, isGateway: true, hairpinMode: true, ipMasq, ipam };
  const config = JSON.stringify({ cniVersion: '1.0.0', name, ...settings });
  const call =
    (command: string): Step =>
    async (id, networkNamespace) => {
      const env = { CNI_COMMAND: command, CNI_CONTAINERID: id, CNI_NETNS: networkNamespace };
      Object.assign(process.env, env, { CNI_IFNAME: 'eth0', CNI_PATH: cniDirectory });
      const { status, stdout } = await run(join(cniDirectory, 'bridge'), [], config);
      if (status !== 0) throw new Error(`the CNI plugin bridge failed: ${stdout.slice(0, 500)}`);
    };
  return { attach: call('ADD'), detach: call('DEL') };
}

/** Prints the samples as one line of JSON. */
export async function measureAttach(directory: string, rounds: number): Promise<void> {
  await access(join(cniDirectory, 'bridge')).catch(() => {
    throw new Error('missing Debian package: apt-get install containernetworking-plugins');
  });
  await mustRun('mount', ['-t', 'tmpfs', 'tmpfs', '/run/netns']);
  await mustRun('ip', ['link', 'set', 'lo', 'up']);
  const dataDir = join(directory, 'kernel');
  await mkdir(dataDir, { recursive: true });
  const config = { 'network-bridge': { podCidr: '10.213.0.0/24' } };
  const kernel = await startTestKernel({ plugins: [networkBridge], dataDir, config });
  const network = kernel.service(podNetwork);
  const own: Contender = {
    attach: (id, networkNamespace) =>
      network.attach({ sandboxId: id, podUid: id, podNamespace: 'bench', podName: id, networkNamespace }),
    detach: (id) => network.detach(id),
  };
  const contenders: Readonly<Record<keyof AttachSamples, Contender>> = {
    own,
    cni: cniContender(directory, 'cni0', '10.214.0.0/24', true),
    cniPlain: cniContender(directory, 'cni1', '10.215.0.0/24', false),
  };
  const makeNamespace = async (name: string): Promise<string> => {
    await mustRun('ip', ['netns', 'add', name]);
    return `/run/netns/${name}`;
  };
  for (let index = 0; index < standing; index++) await own.attach(`s${index}`, await makeNamespace(`s${index}`));
  const samples: { [Name in keyof AttachSamples]: { attach: number[]; detach: number[] } } = {
    own: { attach: [], detach: [] },
    cni: { attach: [], detach: [] },
    cniPlain: { attach: [], detach: [] },
  };
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    for (const [name, contender] of Object.entries(contenders) as [keyof AttachSamples, Contender][]) {
      const id = `${name.toLowerCase()}${round + 1}`;
      const path = await makeNamespace(id);
      for (const step of ['attach', 'detach'] as const) {
        const start = performance.now();
        await contender[step](id, path);
        if (round >= 0) samples[name][step].push(performance.now() - start);
      }
      await mustRun('ip', ['netns', 'delete', id]);
    }
  }
  await network.retain([]);
  await kernel.stop();
  console.log(JSON.stringify(samples));
}
