/** One node with a pod that nothing may disturb, and one after another beside it whose start and stop are cut short. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNotFound, pods, type Pod } from '@timonel/sdk/kube';
import { until } from '../support/until.ts';
import { clear } from './clear.ts';
import { FaultNode } from './fault-node.ts';
import { difference, holdings, type HeldBy } from './holdings.ts';
import { marksOf, podNamed, shortPod } from './pods.ts';
import type { Cut } from './protocol.ts';
import type { Server } from './server.ts';

export type Phase = 'start' | 'stop';

/** A runtime tries once more after 30 s to remove what it could not. */
const limitMs = 45_000;
/** So often all is seen to be done before a step that did not come is given up: the last ones come together with the end. */
const settledLooks = 25;

/** How often a status is written is not the same each time. Recognise it by `name`. */
export class NotReached extends Error {
  override readonly name: string = 'NotReached';
}

export interface LaneParts {
  readonly server: Server;
  /** Of the node. */
  readonly program: string;
  /** Directory that the image of the pods is made of. */
  readonly root: string;
}

export class Lane {
  readonly #server: Server;
  readonly #name: string;
  readonly #directory: string;
  readonly #node: FaultNode;
  readonly #gateway: string;
  #resident: Pod | undefined;
  /** Processes, in all cuts. */
  endedOfRuntime = 0;
  #alone: readonly string[] = [];

  /** `number`: of this machine's lanes, for its addresses. */
  constructor({ server, program, root }: LaneParts, directory: string, number: number) {
    this.#server = server;
    this.#directory = directory;
    this.#name = `node-${number}`;
    const octet = 16 + ((process.pid + number * 41) % 200);
    this.#gateway = `10.217.${octet}.1`;
    mkdirSync(this.#dataDir, { recursive: true });
    const [caFile, tokenFile] = [join(directory, 'ca.crt'), join(directory, 'token')];
    writeFileSync(caFile, server.ca);
    writeFileSync(tokenFile, server.token, { mode: 0o600 });
    const podCidr = `10.217.${octet}.0/24`;
    this.#node = new FaultNode(program, {
      nodeName: this.#name,
      dataDir: this.#dataDir,
      server: server.url,
      caFile,
      tokenFile,
      podCidr,
      root,
    });
  }

  get #dataDir(): string {
    return join(this.#directory, 'data');
  }

  get #held(): HeldBy {
    return { dataDir: this.#dataDir, gateway: this.#gateway, pid: this.#node.pid };
  }

  get #marks(): string {
    return join(this.#directory, 'marks');
  }

  async open(): Promise<void> {
    await this.#node.start();
    await this.#create(`${this.#name}-stays`);
    this.#resident = await this.#ready(`${this.#name}-stays`);
    this.#alone = this.#holdings();
  }

  /** Removes the pods and ends the node. */
  async close(): Promise<void> {
    if (this.#node.hasEnded) await this.#node.start();
    const { items } = await this.#server.api.list(pods, { namespace: 'default' });
    const own = items.filter(({ spec }) => spec.nodeName === this.#name).map(({ metadata }) => metadata.name ?? '');
    for (const name of own) await this.#delete(name);
    for (const name of own) await this.#gone(name);
    await this.#node.stop();
  }

  /** By force, whatever state it is in: nothing is left. */
  async clear(): Promise<void> {
    await this.#node.kill();
    await clear(this.#held);
  }

  /** That many pods run to their end and are removed, `atOnce` at the same time. @returns how much the node held meanwhile, at most */
  async many(count: number, atOnce: number): Promise<number> {
    let most = 0;
    for (let from = 0; from < count; from += atOnce) {
      const names = Array.from({ length: Math.min(atOnce, count - from) }, (_, at) => `many-${from + at}`);
      await Promise.all(names.map((name) => this.#server.api.create(pods, shortPod(name, this.#name))));
      for (const name of names) await this.#ended(name);
      most = Math.max(most, this.#holdings().length);
      await Promise.all(names.map((name) => this.#delete(name)));
      for (const name of names) await this.#gone(name);
    }
    await this.#onlyTheResident();
    return most;
  }

  get held(): number {
    return this.#alone.length;
  }

  /** The steps of a start and a stop that nothing cuts short. */
  async steps(pod: string): Promise<Record<Phase, readonly string[]>> {
    await this.#watch();
    await this.#create(pod);
    await this.#ready(pod);
    const start = await this.#node.steps();
    await this.#watch();
    await this.#delete(pod);
    await this.#gone(pod);
    const stop = await this.#node.steps();
    await this.#onlyTheResident();
    return { start, stop };
  }

  /** The pod runs all the same. @throws Error that says what is wrong */
  async cutStart(pod: string, cut: Cut): Promise<void> {
    await this.#arm(cut, pod);
    await this.#create(pod);
    await this.#cut(cut, () => this.#isReady(pod));
    const found = await this.#ready(pod);
    this.#undisturbed();
    const began = (): boolean => marksOf(pod, this.#marks).app > 0;
    await until(began, { what: `the container of ${pod} to begin`, intervalMs: 20 });
    if (cut.victim === 'runtime') return;
    const marks = marksOf(pod, this.#marks);
    if (marks.app !== 1 || marks.init !== 1)
      throw new Error(`containers began more than once: ${JSON.stringify(marks)}`);
    const [status] = found.status?.containerStatuses ?? [];
    if (status?.restartCount !== 0) throw new Error(`restartCount is ${status?.restartCount}`);
  }

  /** The pod goes all the same, and nothing of it is left. @throws Error that says what is wrong */
  async cutStop(pod: string, cut: Cut): Promise<void> {
    const { app } = marksOf(pod, this.#marks);
    await this.#arm(cut, pod);
    await this.#delete(pod);
    await this.#cut(cut, () => this.#isGone(pod));
    await this.#gone(pod);
    await this.#onlyTheResident();
    if (marksOf(pod, this.#marks).app !== app) throw new Error('the container was started again');
  }

  async make(pod: string): Promise<void> {
    await this.#create(pod);
    await this.#ready(pod);
  }

  async remove(pod: string): Promise<void> {
    await this.#delete(pod);
    await this.#gone(pod);
    await this.#onlyTheResident();
  }

  /** @throws NotReached when all is done without it */
  async #cut({ victim, step }: Cut, isDone: () => Promise<boolean>): Promise<void> {
    const isCut = (): boolean => (victim === 'agent' ? this.#node.wasKilled : this.#node.ended !== undefined);
    let doneFor = 0;
    const settled = async (): Promise<boolean> => {
      if (isCut()) return true;
      doneFor = (await isDone()) ? doneFor + 1 : 0;
      return doneFor > settledLooks;
    };
    await until(settled, { what: `the step ${step}`, timeoutMs: limitMs, intervalMs: 20, abortOnThrow: true });
    if (!isCut() && (await this.#disarmed())) throw new NotReached(`${step} did not come`);
    if (victim === 'agent') await this.#node.start();
    else this.endedOfRuntime += this.#node.ended ?? 0;
  }

  /** The step may come at once: what goes before has a late echo. */
  async #arm(cut: Cut, pod: string): Promise<void> {
    await this.#watch(cut, pod).catch((error: unknown) => {
      if (!this.#node.wasKilled) throw error;
    });
  }

  /** False: the step came after all. */
  async #disarmed(): Promise<boolean> {
    try {
      await this.#watch();
      return true;
    } catch (error) {
      if (this.#node.wasKilled) return false;
      throw error;
    }
  }

  #watch(cut?: Cut, pod?: string): Promise<void> {
    const { name = '', uid = '' } = this.#resident?.metadata ?? {};
    const words = pod === undefined ? [] : [pod];
    return this.#node.watch({ ...(cut === undefined ? {} : { cut }), words, others: [name, uid] });
  }

  async #create(name: string): Promise<void> {
    await this.#server.api.create(pods, podNamed(name, this.#name, this.#marks));
  }

  async #delete(name: string): Promise<void> {
    await this.#server.api.delete(pods, { namespace: 'default', name }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  #get(name: string): Promise<Pod> {
    return this.#server.api.get(pods, { namespace: 'default', name });
  }

  async #isReady(name: string): Promise<boolean> {
    const { status } = await this.#get(name);
    return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
  }

  async #isGone(name: string): Promise<boolean> {
    try {
      await this.#get(name);
      return false;
    } catch (error) {
      return isNotFound(error);
    }
  }

  async #ready(name: string): Promise<Pod> {
    let seen: Pod | undefined;
    const ready = async (): Promise<boolean> => ((seen = await this.#get(name)), this.#isReady(name));
    const what = (): string => `${name} to be ready: ${JSON.stringify(seen?.status)}`;
    await until(ready, { what, timeoutMs: limitMs, intervalMs: 20 });
    return this.#get(name);
  }

  async #ended(name: string): Promise<void> {
    let seen: Pod | undefined;
    const ended = async (): Promise<boolean> => (seen = await this.#get(name)).status?.phase === 'Succeeded';
    const what = (): string => `${name} to run to its end: ${JSON.stringify(seen?.status)}`;
    await until(ended, { what, timeoutMs: limitMs, intervalMs: 20 });
  }

  #gone(name: string): Promise<boolean> {
    return until(() => this.#isGone(name), { what: `${name} to be gone`, timeoutMs: limitMs, intervalMs: 20 });
  }

  #holdings(): string[] {
    return holdings(this.#held);
  }

  async #onlyTheResident(): Promise<void> {
    let found = '';
    const same = (): boolean => (found = difference(this.#alone, this.#holdings())) === '';
    await until(same, { what: () => `nothing to be left: ${found}`, timeoutMs: limitMs, intervalMs: 50 });
    this.#undisturbed();
  }

  #undisturbed(): void {
    const { name = '' } = this.#resident?.metadata ?? {};
    const { app, init } = marksOf(name, this.#marks);
    if (app !== 1 || init !== 1) throw new Error('a healthy container of another pod was restarted');
  }
}
