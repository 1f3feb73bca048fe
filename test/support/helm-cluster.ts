/** A cluster with a node, real kubectl and helm with a home of their own, and one chart. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf, runProgram, TestCluster, type RunResult } from './cluster.ts';
import { kubernetesTools, type Tools } from './kubectl.ts';

export class HelmCluster {
  readonly #cluster: TestCluster;
  readonly #tools: Tools;
  readonly #chart: string;

  private constructor(cluster: TestCluster, tools: Tools, chart: string) {
    this.#cluster = cluster;
    this.#tools = tools;
    this.#chart = chart;
  }

  /** `chart`: its directory. */
  static async start(chart: string): Promise<HelmCluster> {
    const tools = await kubernetesTools();
    const cluster = await TestCluster.start();
    mkdirSync(join(cluster.dataDir, 'home'));
    return new HelmCluster(cluster, tools, chart);
  }

  /** `command`: its words; CHART is the chart. */
  run(program: keyof Tools, command: string, input = ''): Promise<RunResult> {
    const { kubeconfig: KUBECONFIG, dataDir } = this.#cluster;
    const words = command.replaceAll('CHART', this.#chart).split(' ');
    const env = { KUBECONFIG, HOME: join(dataDir, 'home') };
    return runProgram(this.#tools[program], words, { env, timeoutMs: 120_000, input });
  }

  /** What helm prints. @throws Error when it fails */
  async helm(command: string): Promise<string> {
    return outputOf(await this.run('helm', command), `helm ${command}`);
  }

  /** What kubectl prints. @throws Error when it fails */
  async kubectl(command: string): Promise<string> {
    return outputOf(await this.run('kubectl', command), `kubectl ${command}`);
  }

  /** Of every kind that can be listed: what carries the labels of the release, in the chart or in helm's own records. */
  async objectsOf(release: string): Promise<string[]> {
    const kinds = (await this.kubectl('api-resources --verbs=list -o name')).trim().split('\n').join(',');
    const selectors = [`app.kubernetes.io/instance=${release}`, `owner=helm,name=${release}`];
    const listed = await Promise.all(selectors.map((labels) => this.kubectl(`get ${kinds} -A -o name -l ${labels}`)));
    return listed.join('').split('\n').filter(Boolean);
  }

  dispose(): Promise<void> {
    return this.#cluster.dispose();
  }
}
