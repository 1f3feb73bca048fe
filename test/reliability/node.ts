/** A node in a process of its own, that tells its steps and ends itself, or processes of its runtime, at one of them. */
import { errorMessage, type AnyPlugin } from '@timonel/sdk';
import { images, type ImageService } from '@timonel/sdk/contracts/images';
// Not by the package: that needs the test runner.
import { startTestKernel } from '../../sdk/testkit/src/test-kernel.ts';
import type { AtStep, StepMoment } from '@timonel/testkit/fault-steps';
import { catalogue } from '../../cli/src/cluster/catalogue.ts';
import { agentProfile } from '../../cli/src/profiles/agent.ts';
import { countSteps } from './counted-steps.ts';
import type { Asked, NodeSettings, Told, Watch } from './protocol.ts';
import { image } from './pods.ts';
import { endProcesses } from './runtime-processes.ts';

/** What a pod's life needs. */
const needed = /^(?:api-client-https|registry-|images-|runtime-linux$|volumes-|network-|node-agent$)/;

const tell = (told: Told): void => void process.send?.(told);

class Steps {
  #watch: Watch = { words: [], others: [] };
  #isCut = false;
  #seen: string[] = [];
  readonly #times = new Map<string, number>();

  watch(watch: Watch): void {
    this.#watch = watch;
    this.#isCut = false;
    this.#seen = [];
    this.#times.clear();
  }

  others(): readonly string[] {
    return this.#watch.others;
  }

  seen(): readonly string[] {
    return this.#seen;
  }

  readonly at: AtStep = (step, moment) => {
    const key = `${moment} ${step}`;
    const time = (this.#times.get(key) ?? 0) + 1;
    this.#times.set(key, time);
    if (moment === 'before') this.#seen.push(step);
    this.#cutAt(step, moment, time);
  };

  #cutAt(step: string, moment: StepMoment, time: number): void {
    const { cut, words } = this.#watch;
    if (cut === undefined || this.#isCut) return;
    if (cut.step !== step || cut.moment !== moment || cut.time !== time) return;
    this.#isCut = true;
    if (cut.victim === 'agent') process.kill(process.pid, 'SIGKILL');
    tell({ type: 'cut', ended: endProcesses(words) });
  }
}

async function pluginsOf(settings: NodeSettings): Promise<{ plugins: AnyPlugin[]; config: Record<string, unknown> }> {
  const { nodeName, podCidr } = settings;
  const entries = agentProfile
    .entries({
      instance: 'fault',
      nodeName,
      address: '127.0.0.1',
      port: 0,
      podCidr,
      serviceCidr: '10.96.0.0/16',
      onShutdown: 'keep',
      hasNftables: false,
      servers: [settings.server],
      pki: { caFile: settings.caFile, certFile: '', keyFile: '' },
      pkiDirectory: settings.dataDir,
      nodeAddress: '127.0.0.1',
    })
    .filter(({ plugin }) => needed.test(plugin));
  const loaded = await Promise.all(
    entries.map(async ({ plugin }) => {
      const load = catalogue[plugin];
      if (load === undefined) throw new Error(`no plugin ${plugin}`);
      return (await load()).default;
    }),
  );
  const { server, caFile, tokenFile } = settings;
  const config: Record<string, unknown> = Object.fromEntries(
    entries.map(({ plugin, config = {} }) => [plugin, config]),
  );
  config['api-client-https'] = { servers: [server], caFile, tokenFile };
  config['network-bridge'] = { podCidr, masquerade: false };
  config['node-agent'] = { ...(config['node-agent'] as object), serverPort: 0, relistIntervalMs: 1000 };
  return { plugins: loaded, config };
}

async function makeImage(service: ImageService, root: string): Promise<void> {
  if ((await service.find(image)) === undefined) await service.buildFromDirectory(root, image, {});
}

/** Until its end. */
async function run(settings: NodeSettings): Promise<void> {
  const steps = new Steps();
  try {
    const { plugins, config } = await pluginsOf(settings);
    const counted = countSteps(plugins, settings.dataDir, () => steps.others(), steps.at);
    const kernel = await startTestKernel({ plugins: counted, config, dataDir: settings.dataDir });
    await makeImage(kernel.service(images), settings.root);
    const end = (): void => void kernel.stop().finally(() => process.exit(0));
    process.on('message', (asked: Asked) => {
      if (asked.type === 'stop') return end();
      if (asked.type === 'steps') return tell({ type: 'steps', steps: steps.seen() });
      steps.watch(asked.watch);
      tell({ type: 'watching' });
    });
    process.once('disconnect', end);
    tell({ type: 'ready' });
  } catch (error) {
    tell({ type: 'failed', message: errorMessage(error) });
    throw error;
  }
}

await run(JSON.parse(process.argv[2] ?? '{}') as NodeSettings);
