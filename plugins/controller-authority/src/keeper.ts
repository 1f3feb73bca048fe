/** Looks at the state of the authority every period: brings this server's files to it, says so, and, while it leads, takes the next step. */
import type { Env, Logger } from '@timonel/sdk';
import type { Store } from '@timonel/sdk/contracts/store';
import { ApiError } from '@timonel/sdk/kube';
import {
  keepMasterKey,
  makeSuccessor,
  readAuthorities,
  readAuthority,
  readBundle,
  readCertificate,
  readSuccession,
  writeAuthority,
} from '@timonel/sdk/pki';
import type { AuthorityConfig } from './config.ts';
import { decide, stillOnFormer, type Decision, type JoinedNode, type Situation } from './decide.ts';
import { ownRecord, readRecords, writeRecord, type ServerRecord } from './records.ts';
import { keySeal, readState, writeState, type StoredState } from './state-store.ts';
import { isBehind, stateOfFiles, type LocalFiles } from './restored.ts';
import { begin, filesOf, issue, settle, type AuthorityState, type KeySeal } from './state.ts';
import { SteadyClock } from './steady-clock.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const tries = 5;
/** While a former authority is believed, which is for long, steps are looked for so many times less often. */
const rarely = 60;

export interface KeeperOptions {
  readonly store: Pick<Store, 'get' | 'range' | 'txn'>;
  readonly env: Env;
  readonly log: Logger;
  readonly config: AuthorityConfig & { readonly pkiDirectory: string };
  readonly leads: () => boolean;
  /** Nodes that have joined. */
  readonly nodes: () => Promise<readonly JoinedNode[]>;
}

/** All that is known of the authority, for people. */
export interface Overview {
  readonly state: AuthorityState;
  readonly decision: Decision;
  readonly servers: readonly ServerRecord[];
  readonly nodes: readonly JoinedNode[];
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #clock: SteadyClock;
  #seal: KeySeal | undefined;
  #lastRecord: { readonly text: string; readonly atMs: number } | undefined;
  #lastStepMs: number | undefined;
  #told: { readonly text: string; readonly atMs: number } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#clock = new SteadyClock(options.env.clock);
  }

  /** One look. @throws Error; all is as it was then, or a step further */
  look(): Promise<ServerRecord> {
    return this.#alone(() => this.#look());
  }

  /** The files have one writer at a time: looks, and what people ask for. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#queue.then(work);
    this.#queue = running.catch(() => undefined);
    return running;
  }

  async #look(): Promise<ServerRecord> {
    const { leads, config } = this.#options;
    if ((await readAuthorities(config.pkiDirectory)) === undefined) {
      throw new Error(`${config.pkiDirectory} holds no authority: pkiDirectory must be that of the plugin apiserver`);
    }
    const stored = await this.#follow();
    const record = await this.#tell(stored);
    if (leads() && (await this.#step(stored))) await this.#follow();
    return record;
  }

  /** Begins to replace the authority. @throws ApiError Conflict when it is being replaced */
  rotate(reason: string, hasty: boolean): Promise<Overview> {
    return this.#change((state) => {
      if (state.phase === 'stable') return this.#successorOf(state, reason, hasty);
      throw new ApiError('Conflict', `the authority is being replaced since ${state.since}: see the status`);
    });
  }

  /** Believes the former authority no more. @throws ApiError Conflict when there is none, or somebody would be cut off */
  async retire(force: boolean): Promise<Overview> {
    const { servers, nodes } = await this.overview();
    return this.#change((state) => {
      if (state.phase !== 'issue') throw new ApiError('Conflict', 'there is no former authority that is believed');
      const cutOff = stillOnFormer({ state, servers, nodes });
      if (cutOff.length === 0 || force) return settle(state, this.#options.env.clock.now());
      throw new ApiError('Conflict', `these would be cut off: ${cutOff.slice(0, 10).join('; ')}; force it, or wait`);
    });
  }

  async overview(): Promise<Overview> {
    const { env, store, nodes: listNodes } = this.#options;
    const state = (await readState(store)).state ?? (await this.#localState());
    const servers = await readRecords(store, env.clock.now());
    const nodes = await listNodes();
    return { state, servers, nodes, decision: decide(this.#situation(state, servers, nodes)) };
  }

  #situation(state: AuthorityState, servers: readonly ServerRecord[], nodes: readonly JoinedNode[]): Situation {
    const { env, config } = this.#options;
    return { state, servers, nodes, config, nowMs: env.clock.now(), steadyMs: this.#clock.steadyMs() };
  }

  async #sealing(): Promise<KeySeal> {
    const { env, config } = this.#options;
    this.#seal ??= keySeal(await keepMasterKey(env, config.pkiDirectory), env);
    return this.#seal;
  }

  async #localFiles(): Promise<LocalFiles> {
    const { env, config } = this.#options;
    const authority = await readAuthority(env, config.pkiDirectory);
    return { authority, succession: await readSuccession(config.pkiDirectory) };
  }

  async #localState(): Promise<AuthorityState> {
    return stateOfFiles(await this.#localFiles(), this.#options.env.clock.now(), await this.#sealing());
  }

  /** Brings the files to the state. */
  async #follow(): Promise<StoredState> {
    const { env, store, config, log } = this.#options;
    const seal = await this.#sealing();
    const stored = await readState(store);
    const nowMs = env.clock.now();
    // Undefined: the authority of the files is over, or they do not fit.
    const local = await this.#localFiles().catch(() => undefined);
    if (local !== undefined && isBehind(stored.state, local, nowMs)) {
      log.warn({}, 'the store has an older authority than this server, as after it was restored: the newer one stays');
      await writeState(store, stored, stateOfFiles(local, nowMs, seal));
      return readState(store);
    }
    if (stored.state === undefined) return stored;
    const before = await readAuthorities(config.pkiDirectory);
    const files = this.#filesNow(stored.state, seal, nowMs);
    if (await writeAuthority(config.pkiDirectory, files)) {
      const { phase, signer } = stored.state;
      log.info(
        { phase, signer: readCertificate(signer).commonName, dropped: droppedOf(before, files.bundle) },
        'the files of the authority have been brought up to date',
      );
    }
    return stored;
  }

  #filesNow(state: AuthorityState, seal: KeySeal, nowMs: number): ReturnType<typeof filesOf> {
    const { other } = state;
    const isOver = other !== undefined && readCertificate(other).notAfter <= nowMs;
    return filesOf(isOver ? { ...state, other: undefined } : state, seal);
  }

  /** Says what this server has: when it changes, and now and then, so that others know that it is there. */
  async #tell({ state }: StoredState): Promise<ServerRecord> {
    const { env, store, config } = this.#options;
    const record = await ownRecord(env, config.name, config.pkiDirectory);
    const text = JSON.stringify({ ...record, at: '' });
    const everyMs = { stable: dayMs, trust: config.periodMs, issue: hourMs }[state?.phase ?? 'stable'];
    const nowMs = env.clock.monotonic();
    if (this.#lastRecord?.text !== text || nowMs - this.#lastRecord.atMs >= everyMs) {
      await writeRecord(store, record);
      this.#lastRecord = { text, atMs: nowMs };
    }
    return record;
  }

  /** True: a step was taken. */
  async #step(stored: StoredState): Promise<boolean> {
    const { env, store, log, nodes, config } = this.#options;
    const state = stored.state ?? (await this.#localState());
    const nowMs = env.clock.monotonic();
    const everyMs = state.phase === 'issue' ? config.periodMs * rarely : 0;
    if (this.#lastStepMs !== undefined && nowMs - this.#lastStepMs < everyMs) return false;
    this.#lastStepMs = nowMs;
    const isStable = state.phase === 'stable';
    const others = isStable ? [] : await readRecords(store, env.clock.now());
    const { step, waitingFor } = decide(this.#situation(state, others, isStable ? [] : await nodes()));
    this.#warn(state, waitingFor);
    if (step === 'none') return false;
    const next = await this.#after(step, state);
    if (!(await writeState(store, stored, next))) return false;
    log.info({ step, phase: next.phase, reason: next.reason }, 'the replacement of the authority goes on');
    return true;
  }

  async #after(step: Exclude<Decision['step'], 'none'>, state: AuthorityState): Promise<AuthorityState> {
    const nowMs = this.#options.env.clock.now();
    switch (step) {
      case 'begin':
        return this.#successorOf(state, 'the authority has lived for most of its time', false);
      case 'issue':
        return issue(state, nowMs);
      case 'abandon':
      case 'retire':
        return settle(state, nowMs);
    }
  }

  async #successorOf(state: AuthorityState, reason: string, hasty: boolean): Promise<AuthorityState> {
    const { env, config } = this.#options;
    const seal = await this.#sealing();
    const { notBefore, notAfter } = readCertificate(state.signer);
    const signer = { certificatePem: state.signer, keyPem: seal.open(state.signerKey, state.signer) };
    const successor = await makeSuccessor(env, signer, { lifetimeMs: config.lifetimeMs ?? notAfter - notBefore });
    return begin(state, successor, { nowMs: env.clock.now(), hasty, reason }, seal);
  }

  #change(next: (state: AuthorityState) => AuthorityState | Promise<AuthorityState>): Promise<Overview> {
    return this.#alone(async () => {
      await this.#write(next);
      return this.overview();
    });
  }

  async #write(next: (state: AuthorityState) => AuthorityState | Promise<AuthorityState>): Promise<void> {
    const { store } = this.#options;
    for (let round = 0; round < tries; round++) {
      const stored = await readState(store);
      if (await writeState(store, stored, await next(stored.state ?? (await this.#localState())))) {
        await this.#follow();
        return;
      }
    }
    throw new ApiError('ServiceUnavailable', 'the state of the authority is being changed by others: try again');
  }

  /** Once a day, who holds up the replacement. */
  #warn({ phase, since }: AuthorityState, waitingFor: readonly string[]): void {
    const { env, log } = this.#options;
    const nowMs = env.clock.monotonic();
    if (waitingFor.length === 0) return;
    const text = `${phase} ${since}`;
    if (this.#told?.text === text && nowMs - this.#told.atMs < dayMs) return;
    this.#told = { text, atMs: nowMs };
    log.warn(
      { phase, since, waitingFor: waitingFor.slice(0, 20) },
      'the replacement of the authority waits for servers or nodes',
    );
  }
}

/** Those that are believed no more, the ones among them that somebody has added by hand. */
function droppedOf(before: string | undefined, after: string): readonly object[] {
  const kept = new Set(readBundle(after).map(({ fingerprint }) => fingerprint));
  return (before === undefined ? [] : readBundle(before))
    .filter(({ fingerprint }) => !kept.has(fingerprint))
    .map(({ commonName, publicKeyFingerprint: id }) => ({ commonName, id }));
}
