/** APIServices for what the API server answers for itself: they are there as long as it is served, and come back when they are deleted. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ServedVersion } from '@timonel/sdk/contracts/api-server';
import type { Informer } from '@timonel/sdk/controller';
import { apiErrorReason, apiServices, type ApiService } from '@timonel/sdk/kube';
import { prioritiesOf } from './priorities.ts';

export const managedLabel = 'kube-aggregator.kubernetes.io/automanaged';
/** The aggregation layer does not register itself. On other clusters, servers behind it bring the APIs of metrics, and their charts the APIServices. */
const unregistered = /^apiregistration\.k8s\.io$|(?:^|\.)metrics\.k8s\.io$/;
const periodMs = 1000;
const writesAtOnce = 8;
/** Somebody was faster: the next look shows what they made of it. */
const outrun: ReadonlySet<string | undefined> = new Set(['AlreadyExists', 'Conflict', 'NotFound']);

/** By whom it goes: with its definition, or (where plugins serve it) with whoever made it. */
const managedOf = ({ isDefinedByObjects }: ServedVersion): string => (isDefinedByObjects ? 'true' : 'onstart');

type Wanted = ApiService & Required<Pick<ApiService, 'spec'>>;

function wantedOf(served: ServedVersion): Wanted {
  const { group, version } = served;
  return {
    metadata: { name: `${version}.${group}`, labels: { [managedLabel]: managedOf(served) } },
    spec: { ...(group === '' ? {} : { group }), version, ...prioritiesOf(group, version) },
  };
}

function isAsWanted({ metadata, spec }: ApiService, wanted: Wanted): boolean {
  return (
    metadata.labels?.[managedLabel] === wanted.metadata.labels?.[managedLabel] &&
    spec?.service === undefined &&
    spec?.groupPriorityMinimum === wanted.spec.groupPriorityMinimum &&
    spec?.versionPriority === wanted.spec.versionPriority
  );
}

export interface OwnVersionsParts {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly known: Pick<Informer<ApiService>, 'get' | 'list' | 'hasSynced' | 'addHandler'>;
  readonly served: () => readonly ServedVersion[] | undefined;
}

type Write = () => Promise<unknown>;

export class OwnVersions {
  readonly #parts: OwnVersionsParts;
  #seen: readonly ServedVersion[] | undefined;
  /** Names of what this server has asked for. */
  #mine: ReadonlySet<string> = new Set();
  #isSettled = false;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: OwnVersionsParts) {
    this.#parts = parts;
    const unsettle = (): void => {
      this.#isSettled = false;
    };
    parts.known.addHandler({ updated: unsettle, deleted: unsettle });
  }

  start(signal: AbortSignal): void {
    const { timers } = this.#parts.env;
    const keep = async (): Promise<void> => {
      while (!signal.aborted) {
        await this.#look();
        await timers.sleep(periodMs, signal).catch(() => undefined);
      }
    };
    this.#running = keep();
  }

  /** After the signal. */
  ended(): Promise<void> {
    return this.#running;
  }

  async #look(): Promise<void> {
    const { known, log } = this.#parts;
    const served = this.#parts.served();
    if (served === undefined || !known.hasSynced || (served === this.#seen && this.#isSettled)) return;
    this.#seen = served;
    // What changes meanwhile is looked at again.
    this.#isSettled = true;
    try {
      await inTurns(this.#writesFor(served));
    } catch (error) {
      this.#isSettled = false;
      log.debug({ error: errorMessage(error) }, 'APIServices of what is served here were not written');
    }
  }

  #writesFor(served: readonly ServedVersion[]): readonly Write[] {
    const { api, known } = this.#parts;
    const all = served.filter(({ group }) => !unregistered.test(group)).map(wantedOf);
    const names = new Set(all.map(({ metadata }) => metadata.name ?? ''));
    const kept = all.flatMap((wanted) => this.#keep(wanted) ?? []);
    const surplus = known.list().filter(({ metadata: { name = '', labels } }) => {
      const managed = labels?.[managedLabel];
      return !names.has(name) && (managed === 'true' || (managed !== undefined && this.#mine.has(name)));
    });
    this.#mine = names;
    const gone = surplus.map(({ metadata: { name = '', uid } }) => () => {
      const preconditions = uid === undefined ? {} : { uid };
      return api.delete(apiServices, { name }, { preconditions });
    });
    return [...kept, ...gone];
  }

  /** Whoever takes the label off has it for themselves. */
  #keep(wanted: Wanted): Write | undefined {
    const { api, known } = this.#parts;
    const current = known.get(wanted.metadata.name ?? '');
    if (current === undefined) return () => api.create(apiServices, wanted);
    const { metadata } = current;
    if (metadata.labels?.[managedLabel] === undefined || isAsWanted(current, wanted)) return undefined;
    const labels = { ...metadata.labels, ...wanted.metadata.labels };
    return () => api.update(apiServices, { ...current, metadata: { ...metadata, labels }, spec: wanted.spec });
  }
}

async function inTurns(writes: readonly Write[]): Promise<void> {
  for (let from = 0; from < writes.length; from += writesAtOnce) {
    const results = await Promise.allSettled(writes.slice(from, from + writesAtOnce).map((write) => write()));
    for (const result of results)
      if (result.status === 'rejected' && !outrun.has(apiErrorReason(result.reason))) throw result.reason;
  }
}
